//! `POST /api/v1/hosts/{id}/probe`: finds out now what the host can do.

use axum::Json;
use axum::extract::State;
use relay_control::hosts::HostCapabilities;

use crate::body::Id;
use crate::caller::Operator;
use crate::error::ApiResult;
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Operator,
    Id(id): Id,
) -> ApiResult<Json<HostCapabilities>> {
    Ok(Json(state.control.probe_host(&id).await?))
}

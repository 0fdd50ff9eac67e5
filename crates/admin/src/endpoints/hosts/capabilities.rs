//! `GET /api/v1/hosts/{id}/capabilities`: what the host can do, as its last probe found out.

use axum::Json;
use axum::extract::State;
use relay_control::hosts::HostCapabilities;

use crate::body::Id;
use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::query::Params;
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Viewer,
    Id(id): Id,
    params: Params,
) -> ApiResult<Json<HostCapabilities>> {
    params.none()?;
    Ok(Json(state.control.host_capabilities(&id).await?))
}

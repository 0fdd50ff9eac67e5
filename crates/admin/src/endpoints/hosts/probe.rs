//! `POST /api/v1/hosts/{id}/probe`: finds out now what the host can do.

use axum::Json;
use axum::extract::State;
use relay_control::hosts::HostCapabilities;

use crate::body::{Id, NoBody};
use crate::caller::Operator;
use crate::error::ApiResult;
use crate::query::NoParams;
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    Operator(access): Operator,
    Id(id): Id,
    _: NoParams,
    _: NoBody,
) -> ApiResult<Json<HostCapabilities>> {
    Ok(Json(state.control.probe_host(&id, &access.actor).await?))
}

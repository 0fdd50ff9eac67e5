//! `POST /api/v1/hosts/{id}/sync`: records what is on the host, and tells how it differs from what is meant to be.

use axum::Json;
use axum::extract::State;
use relay_control::hosts::Synced;

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
) -> ApiResult<Json<Synced>> {
    Ok(Json(state.control.sync_host(&id, &access.actor).await?))
}

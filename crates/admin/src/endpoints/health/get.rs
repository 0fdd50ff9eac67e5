//! `GET /api/v1/health`: how the server is, for people.

use axum::Json;
use axum::extract::State;
use relay_control::status::Health;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::query::Params;
use crate::state::AdminState;

pub(crate) async fn handle(State(state): State<AdminState>, _: Viewer, params: Params) -> ApiResult<Json<Health>> {
    params.none()?;
    Ok(Json(state.control.health().await))
}

//! `GET /api/v1/export`: the fleet in force as a fleet file.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::query::Params;
use crate::state::AdminState;

pub(crate) async fn handle(State(state): State<AdminState>, _: Viewer, params: Params) -> ApiResult<Response> {
    params.none()?;
    Ok(([(CONTENT_TYPE, "application/toml")], state.control.export()).into_response())
}

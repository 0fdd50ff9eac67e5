//! `GET /api/v1/export`: the fleet in force as a fleet file.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::input::Input;
use crate::state::AdminState;

/// Writes the fleet in force as a fleet file.
///
/// Secrets are references: it can be applied to this server again.
#[utoipa::path(
    get,
    path = "/export",
    operation_id = "exportFleet",
    tag = "fleet",
    responses((status = 200, description = "A fleet file", body = String, content_type = "application/toml")),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(State(state): State<AdminState>, _: Viewer, input: Input) -> ApiResult<Response> {
    input.finish()?;
    Ok(([(CONTENT_TYPE, "application/toml")], state.control.export()).into_response())
}

//! `GET /api/v1/hosts/{id}/capabilities`: what the host can do, as its last probe found out.

use axum::Json;
use axum::extract::State;
use relay_control::hosts::HostCapabilities;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::input::Input;
use crate::openapi::responses::NotFound;
use crate::state::AdminState;

/// Tells what a host can do, as its last probe found out.
#[utoipa::path(
    get,
    path = "/hosts/{host_id}/capabilities",
    operation_id = "getHostCapabilities",
    tag = "hosts",
    params(("host_id" = String, Path, description = "The host")),
    responses((status = 200, description = "What it can do", body = HostCapabilities), NotFound),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Viewer,
    input: Input,
) -> ApiResult<Json<HostCapabilities>> {
    let id = input.id();
    input.finish()?;
    Ok(Json(state.control.host_capabilities(&id).await?))
}

//! `POST /api/v1/hosts/{id}/probe`: finds out now what the host can do.

use axum::Json;
use axum::extract::State;
use relay_control::hosts::HostCapabilities;

use crate::caller::Operator;
use crate::error::ApiResult;
use crate::input::Input;
use crate::openapi::responses::{Conflict, HostFailed, NotFound};
use crate::state::AdminState;

/// Finds out now what a host can do.
///
/// A dozen calls of its admin API, which change nothing.
#[utoipa::path(
    post,
    path = "/hosts/{host_id}/probe",
    operation_id = "probeHost",
    tag = "hosts",
    params(("host_id" = String, Path, description = "The host")),
    responses(
        (status = 200, description = "What it can do", body = HostCapabilities),
        NotFound,
        Conflict,
        HostFailed,
    ),
    extensions(("x-role" = json!("operator"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    Operator(access): Operator,
    input: Input,
) -> ApiResult<Json<HostCapabilities>> {
    let id = input.id();
    input.finish()?;
    Ok(Json(state.control.probe_host(&id, &access.actor).await?))
}

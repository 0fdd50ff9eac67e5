//! `POST /api/v1/hosts/{id}/sync`: records what is on the host, and tells how it differs from what is meant to be.

use axum::Json;
use axum::extract::State;
use relay_control::hosts::Synced;

use crate::caller::Operator;
use crate::error::ApiResult;
use crate::input::Input;
use crate::openapi::responses::{Conflict, HostFailed, NotFound};
use crate::state::AdminState;

/// Looks at a host and tells how it differs from what is meant to be.
#[utoipa::path(
    post,
    path = "/hosts/{host_id}/sync",
    operation_id = "syncHost",
    tag = "hosts",
    params(("host_id" = String, Path, description = "The host")),
    responses((status = 200, description = "What was found", body = Synced), NotFound, Conflict, HostFailed),
    extensions(("x-role" = json!("operator"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    Operator(access): Operator,
    input: Input,
) -> ApiResult<Json<Synced>> {
    let id = input.id();
    input.finish()?;
    Ok(Json(state.control.sync_host(&id, &access.actor).await?))
}

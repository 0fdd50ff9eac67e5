//! `POST /api/v1/hosts/{id}/drain`: every route to the host gets weight 0, in one generation; `?dry_run=true` shows it.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use crate::caller::Admin;
use crate::error::ApiResult;
use crate::input::Input;
use crate::openapi::bodies::Removed;
use crate::openapi::responses::{Conflict, NotFound};
use crate::state::AdminState;

/// Gives every route to a host the weight 0.
///
/// In one generation: conversations that are bound stay, new ones go elsewhere.
#[utoipa::path(
    post,
    path = "/hosts/{host_id}/drain",
    operation_id = "drainHost",
    tag = "hosts",
    params(("host_id" = String, Path, description = "The host"), ("dry_run" = Option<bool>, Query, description = "Tell what would change, and change nothing")),
    responses((status = 200, description = "What changed; with `dry_run` what would", body = Removed), NotFound, Conflict),
    extensions(("x-role" = json!("admin"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    Admin(access): Admin,
    mut input: Input,
) -> ApiResult<Response> {
    let id = input.id();
    let dry_run = input.query.flag("dry_run").unwrap_or_default();
    input.finish()?;
    if dry_run {
        return Ok(Json(state.control.plan_drain(&id)?).into_response());
    }
    Ok(Json(state.control.drain_host(&id, &access.actor).await?).into_response())
}

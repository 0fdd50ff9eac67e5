//! `POST /api/v1/hosts/{id}/drain`: every route to the host gets weight 0, in one generation; `?dry_run=true` shows it.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use crate::body::{Id, NoBody};
use crate::caller::Admin;
use crate::error::ApiResult;
use crate::openapi::bodies::Removed;
use crate::openapi::responses::{Conflict, NotFound};
use crate::query::Params;
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
    Id(id): Id,
    params: Params,
    _: NoBody,
) -> ApiResult<Response> {
    let mut filters = params.filters(&["dry_run"]);
    let dry_run = filters.flag("dry_run").unwrap_or_default();
    filters.finish()?;
    if dry_run {
        return Ok(Json(state.control.plan_drain(&id)?).into_response());
    }
    Ok(Json(state.control.drain_host(&id, &access.actor).await?).into_response())
}

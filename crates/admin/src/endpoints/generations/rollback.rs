//! `POST /api/v1/generations/{number}/rollback`: publishes the fleet of that generation as a new one; with
//! `If-Match: "<generation>"` only from that generation.

use axum::Json;
use axum::extract::State;
use relay_control::generations::RolledBack;

use crate::body::{Id, NoBody};
use crate::caller::Admin;
use crate::conditions::{IfMatch, IfMatchHeader};
use crate::error::{ApiError, ApiResult};
use crate::openapi::responses::{Conflict, NotFound, Outdated};
use crate::query::Params;
use crate::state::AdminState;

/// Publishes the fleet of a generation as a new one.
///
/// Keys and secrets are as they were then. `If-Match` takes a generation.
#[utoipa::path(
    post,
    path = "/generations/{number}/rollback",
    operation_id = "rollBack",
    tag = "generations",
    params(("number" = u64, Path, description = "The generation"), IfMatchHeader),
    responses((status = 200, description = "What changed", body = RolledBack), NotFound, Conflict, Outdated),
    extensions(("x-role" = json!("admin"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    Admin(access): Admin,
    Id(id): Id,
    params: Params,
    IfMatch(expected): IfMatch,
    _: NoBody,
) -> ApiResult<Json<RolledBack>> {
    params.none()?;
    let to = id.parse().map_err(|_| ApiError::no_such("generation", &id))?;
    Ok(Json(state.control.roll_back_expecting(&expected, to, &access.actor).await?))
}

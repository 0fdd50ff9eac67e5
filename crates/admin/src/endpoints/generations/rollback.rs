//! `POST /api/v1/generations/{number}/rollback`: publishes the fleet of that generation as a new one; with
//! `If-Match: "<generation>"` only from that generation.

use axum::Json;
use axum::extract::State;
use relay_control::generations::RolledBack;

use crate::caller::Admin;
use crate::conditions::IfMatchHeader;
use crate::error::{ApiError, ApiResult};
use crate::input::Input;
use crate::openapi::responses::{Conflict, NotFound, Outdated};
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
    mut input: Input,
) -> ApiResult<Json<RolledBack>> {
    let id = input.id();
    let expected = input.if_match();
    input.finish()?;
    let to = id.parse().map_err(|_| ApiError::no_such("generation", &id))?;
    Ok(Json(state.control.roll_back_expecting(&expected, to, &access.actor).await?))
}

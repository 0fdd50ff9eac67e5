//! `DELETE /api/v1/tokens/{id}`: whoever has it is refused from now on; 409 for the last one of an admin.

use axum::extract::State;
use http::StatusCode;

use crate::caller::Admin;
use crate::conditions::IfMatchHeader;
use crate::error::{ApiError, ApiResult};
use crate::input::Input;
use crate::openapi::responses::{Conflict, NotFound, Outdated};
use crate::state::AdminState;

/// Removes an admin token.
///
/// Whoever has it is refused from now on. The last one of an admin stays.
#[utoipa::path(
    delete,
    path = "/tokens/{token_id}",
    operation_id = "deleteToken",
    tag = "tokens",
    params(("token_id" = i64, Path, description = "The number of the token"), IfMatchHeader),
    responses((status = 204, description = "It is gone"), NotFound, Conflict, Outdated),
    extensions(("x-role" = json!("admin"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    Admin(access): Admin,
    mut input: Input,
) -> ApiResult<StatusCode> {
    let id = input.id();
    let expected = input.if_match();
    input.finish()?;
    let number = id.parse().map_err(|_| ApiError::no_such("token", &id))?;
    state.control.delete_token(number, &expected, &access.actor).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! `GET /api/v1/tokens/{id}`

use axum::extract::State;
use axum::response::Response;
use relay_control::tokens::TokenView;

use crate::caller::Admin;
use crate::conditions::IfNoneMatchHeader;
use crate::error::{ApiError, ApiResult};
use crate::input::Input;
use crate::openapi::responses::NotFound;
use crate::state::AdminState;

/// Shows an admin token.
///
/// The token itself is not kept.
#[utoipa::path(
    get,
    path = "/tokens/{token_id}",
    operation_id = "getToken",
    tag = "tokens",
    params(("token_id" = i64, Path, description = "The number of the token"), IfNoneMatchHeader),
    responses((status = 200, description = "The token", body = TokenView, headers(("ETag" = String, description = "Its version"))), (status = 304, description = "It is as it was"), NotFound),
    extensions(("x-role" = json!("admin"))),
)]
pub(crate) async fn handle(State(state): State<AdminState>, Admin(_): Admin, mut input: Input) -> ApiResult<Response> {
    let id = input.id();
    let known = input.if_none_match();
    input.finish()?;
    let missing = || ApiError::no_such("token", &id);
    let found = state.control.token(id.parse().map_err(|_| missing())?).await?.ok_or_else(missing)?;
    Ok(known.answer(&state.control.version_of(&found), found))
}

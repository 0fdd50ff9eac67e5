//! `DELETE /api/v1/tokens/{id}`: whoever has it is refused from now on; 409 for the last one of an admin.

use axum::extract::State;
use http::StatusCode;

use crate::body::Id;
use crate::caller::Admin;
use crate::error::{ApiError, ApiResult};
use crate::query::NoParams;
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    Admin(access): Admin,
    Id(id): Id,
    _: NoParams,
) -> ApiResult<StatusCode> {
    let number = id.parse().map_err(|_| ApiError::no_such("token", &id))?;
    state.control.delete_token(number, &access.actor).await?;
    Ok(StatusCode::NO_CONTENT)
}

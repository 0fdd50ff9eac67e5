//! `DELETE /api/v1/notifications/channels/{id}`: what was to be sent to it is not

use axum::extract::State;
use http::StatusCode;

use crate::body::Id;
use crate::caller::Admin;
use crate::error::{ApiError, ApiResult};
use crate::query::Params;
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    Admin(access): Admin,
    Id(id): Id,
    params: Params,
) -> ApiResult<StatusCode> {
    params.none()?;
    if state.control.delete_notification_channel(&id, &access.actor).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(ApiError::no_such("notification channel", &id))
}

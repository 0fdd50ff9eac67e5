//! `DELETE /api/v1/notifications/channels/{id}`: what was to be sent to it is not

use axum::extract::State;
use http::StatusCode;

use crate::body::Id;
use crate::caller::Admin;
use crate::conditions::IfMatch;
use crate::error::ApiResult;
use crate::query::NoParams;
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    Admin(access): Admin,
    Id(id): Id,
    _: NoParams,
    IfMatch(expected): IfMatch,
) -> ApiResult<StatusCode> {
    state.control.delete_notification_channel(&id, &expected, &access.actor).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! `DELETE /api/v1/notifications/channels/{id}`: what was to be sent to it is not

use axum::extract::State;
use http::StatusCode;

use crate::caller::Admin;
use crate::conditions::IfMatchHeader;
use crate::error::ApiResult;
use crate::input::Input;
use crate::openapi::responses::{NotFound, Outdated};
use crate::state::AdminState;

/// Removes a notification channel.
///
/// What was to be sent to it is not.
#[utoipa::path(
    delete,
    path = "/notifications/channels/{channel_id}",
    operation_id = "deleteChannel",
    tag = "notifications",
    params(("channel_id" = String, Path, description = "The channel"), IfMatchHeader),
    responses((status = 204, description = "It is gone"), NotFound, Outdated),
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
    state.control.delete_notification_channel(&id, &expected, &access.actor).await?;
    Ok(StatusCode::NO_CONTENT)
}

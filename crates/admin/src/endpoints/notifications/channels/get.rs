//! `GET /api/v1/notifications/channels/{id}`

use axum::extract::State;
use axum::response::Response;
use relay_control::edit::Entry;
use relay_control::notifications::schema::Channel;

use crate::caller::Viewer;
use crate::conditions::IfNoneMatchHeader;
use crate::error::{ApiError, ApiResult};
use crate::input::Input;
use crate::openapi::responses::NotFound;
use crate::state::AdminState;

/// Shows a notification channel.
#[utoipa::path(
    get,
    path = "/notifications/channels/{channel_id}",
    operation_id = "getChannel",
    tag = "notifications",
    params(("channel_id" = String, Path, description = "The channel"), IfNoneMatchHeader),
    responses((status = 200, description = "The channel", body = Channel, headers(("ETag" = String, description = "Its version"))), (status = 304, description = "It is as it was"), NotFound),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(State(state): State<AdminState>, _: Viewer, mut input: Input) -> ApiResult<Response> {
    let id = input.id();
    let known = input.if_none_match();
    input.finish()?;
    let found = state.control.notification_channel(&id).await?;
    let Entry { fields, version } = found.ok_or_else(|| ApiError::no_such("notification channel", &id))?;
    Ok(known.answer(&version, fields))
}

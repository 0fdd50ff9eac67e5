//! `PATCH /api/v1/notifications/channels/{id}`: the settings to change; `null`
//! takes one back to its default, a secret that is not given stays

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use relay_control::notifications::schema::Channel;

use crate::caller::Admin;
use crate::conditions::{IfMatchHeader, tagged};
use crate::error::ApiResult;
use crate::input::WithBody;
use crate::openapi::bodies::ChannelPatch;
use crate::openapi::responses::{NotFound, Outdated};
use crate::state::AdminState;

/// Changes a notification channel.
///
/// The settings to change; `null` takes one back to its default, a secret that is not given stays.
#[utoipa::path(
    patch,
    path = "/notifications/channels/{channel_id}",
    operation_id = "updateChannel",
    tag = "notifications",
    params(("channel_id" = String, Path, description = "The channel"), IfMatchHeader),
    request_body = ChannelPatch,
    responses((status = 200, description = "The channel", body = Channel), NotFound, Outdated),
    extensions(("x-role" = json!("admin"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    Admin(access): Admin,
    WithBody(mut input): WithBody,
) -> ApiResult<Response> {
    let id = input.id();
    let expected = input.if_match();
    let changes = input.body().rest();
    input.finish_beside(state.control.check_channel_changes(&id, changes.clone()).await)?;
    let changed = state.control.update_notification_channel(&id, changes, &expected, &access.actor).await?;
    Ok(tagged(&changed.version, Json(changed.fields)))
}

//! `POST /api/v1/notifications/channels`: `{id, type, …}`; 409 when the id is taken

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use relay_control::notifications::check;
use relay_control::notifications::schema::{Channel, ChannelSettings};

use crate::caller::Admin;
use crate::conditions::tagged;
use crate::error::ApiResult;
use crate::input::WithBody;
use crate::openapi::responses::Conflict;
use crate::state::AdminState;

/// Makes a notification channel.
#[utoipa::path(
    post,
    path = "/notifications/channels",
    operation_id = "createChannel",
    tag = "notifications",
    request_body = ChannelSettings,
    responses((status = 201, description = "The channel", body = Channel), Conflict),
    extensions(("x-role" = json!("admin"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    Admin(access): Admin,
    WithBody(mut input): WithBody,
) -> ApiResult<Response> {
    let settings = input.body().rest();
    input.finish_beside(check(settings.clone()))?;
    let created = state.control.create_notification_channel(settings, &access.actor).await?;
    Ok(tagged(&created.version, (StatusCode::CREATED, Json(created.fields))))
}

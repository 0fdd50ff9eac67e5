//! `POST /api/v1/notifications/channels`: `{id, type, …}`; 409 when the id is taken

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use relay_control::view::Fields;

use crate::body::ObjectBody;
use crate::caller::Admin;
use crate::error::ApiResult;
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    Admin(access): Admin,
    ObjectBody(settings): ObjectBody,
) -> ApiResult<(StatusCode, Json<Fields>)> {
    let created = state.control.create_notification_channel(settings, &access.actor).await?;
    Ok((StatusCode::CREATED, Json(created)))
}

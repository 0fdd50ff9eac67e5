//! `PATCH /api/v1/notifications/channels/{id}`: the settings to change; `null`
//! takes one back to its default, a secret that is not given stays

use axum::Json;
use axum::extract::State;
use relay_control::view::Fields;

use crate::body::{Id, ObjectBody};
use crate::caller::Admin;
use crate::error::ApiResult;
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    Admin(access): Admin,
    Id(id): Id,
    ObjectBody(changes): ObjectBody,
) -> ApiResult<Json<Fields>> {
    Ok(Json(state.control.update_notification_channel(&id, changes, &access.actor).await?))
}

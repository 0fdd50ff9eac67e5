//! `PATCH /api/v1/notifications/channels/{id}`: the settings to change; `null`
//! takes one back to its default, a secret that is not given stays

use axum::Json;
use axum::extract::State;
use axum::response::Response;

use crate::body::{Id, ObjectBody};
use crate::caller::Admin;
use crate::conditions::{IfMatch, tagged};
use crate::error::ApiResult;
use crate::query::NoParams;
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    Admin(access): Admin,
    Id(id): Id,
    _: NoParams,
    IfMatch(expected): IfMatch,
    ObjectBody(changes): ObjectBody,
) -> ApiResult<Response> {
    let changed = state.control.update_notification_channel(&id, changes, &expected, &access.actor).await?;
    Ok(tagged(&changed.version, Json(changed.fields)))
}

//! `PATCH /api/v1/keys/{id}`: the fields that change, as a JSON merge patch (RFC 7396) at the top level.

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
    ObjectBody(patch): ObjectBody,
) -> ApiResult<Json<Fields>> {
    Ok(Json(state.control.update_key(&id, patch, &access.actor).await?))
}

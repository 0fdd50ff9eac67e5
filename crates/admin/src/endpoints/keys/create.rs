//! `POST /api/v1/keys`: the fields of a fleet file's `[[key]]`; answers `{key_id, key, generation}`, once.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use relay_control::keys::IssuedKey;

use crate::body::ObjectBody;
use crate::caller::Admin;
use crate::error::ApiResult;
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    Admin(access): Admin,
    ObjectBody(fields): ObjectBody,
) -> ApiResult<(StatusCode, Json<IssuedKey>)> {
    let made = state.control.create_key(fields, &access.actor).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

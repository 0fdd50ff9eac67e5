//! `POST /api/v1/keys`: the fields of a fleet file's `[[key]]`; answers `{key_id, key, generation}`, once.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use relay_control::edit::Noun;

use crate::endpoints::entries::{self, Create};
use crate::error::ApiResult;
use crate::state::AdminState;

pub(crate) async fn handle(State(state): State<AdminState>, asked: Create) -> ApiResult<Response> {
    if asked.dry_run {
        return entries::create(&state, Noun::Key, asked).await;
    }
    let made = state.control.create_key(asked.fields, &asked.access.actor).await?;
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

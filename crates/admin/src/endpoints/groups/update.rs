//! `PATCH /api/v1/groups/{id}`: the fields that change, as a JSON merge patch (RFC 7396).

use axum::extract::State;
use axum::response::Response;
use relay_control::edit::Noun;

use crate::endpoints::entries::{Update, update};
use crate::error::ApiResult;
use crate::state::AdminState;

pub(crate) async fn handle(State(state): State<AdminState>, asked: Update) -> ApiResult<Response> {
    update(&state, Noun::Group, asked).await
}

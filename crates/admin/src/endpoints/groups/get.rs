//! `GET /api/v1/groups/{id}`

use axum::extract::State;
use axum::response::Response;
use relay_control::edit::Noun;

use crate::endpoints::entries::{Show, show};
use crate::error::ApiResult;
use crate::state::AdminState;

pub(crate) async fn handle(State(state): State<AdminState>, asked: Show) -> ApiResult<Response> {
    show(&state, Noun::Group, &asked)
}

//! `DELETE /api/v1/routes/{id}`

use axum::extract::State;
use axum::response::Response;
use relay_control::edit::Noun;

use crate::endpoints::entries::{Delete, delete};
use crate::error::ApiResult;
use crate::state::AdminState;

pub(crate) async fn handle(State(state): State<AdminState>, asked: Delete) -> ApiResult<Response> {
    delete(&state, Noun::Route, asked).await
}

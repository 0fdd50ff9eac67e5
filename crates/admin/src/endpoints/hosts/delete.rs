//! `DELETE /api/v1/hosts/{id}`: refused while routes lead to it; `?cascade=true` removes those too.

use axum::extract::State;
use axum::response::Response;
use relay_control::edit::Noun;

use crate::endpoints::entries::{Delete, delete};
use crate::error::ApiResult;
use crate::state::AdminState;

pub(crate) async fn handle(State(state): State<AdminState>, asked: Delete) -> ApiResult<Response> {
    delete(&state, Noun::Host, asked).await
}

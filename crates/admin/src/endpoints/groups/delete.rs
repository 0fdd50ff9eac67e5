//! `DELETE /api/v1/groups/{id}`: refused while routes and keys refer to it; `?cascade=true` removes routes, and the
//! group from keys; a key that could call nothing else goes too.

use axum::extract::State;
use axum::response::Response;
use relay_control::edit::Noun;

use crate::endpoints::entries::{Delete, delete};
use crate::error::ApiResult;
use crate::state::AdminState;

pub(crate) async fn handle(State(state): State<AdminState>, asked: Delete) -> ApiResult<Response> {
    delete(&state, Noun::Group, asked).await
}

//! `POST /api/v1/groups`: one `[[group]]` of the fleet file as JSON; 409 when there is one of that id.

use axum::extract::State;
use axum::response::Response;
use relay_control::edit::Noun;

use crate::endpoints::entries::{Create, create};
use crate::error::ApiResult;
use crate::state::AdminState;

pub(crate) async fn handle(State(state): State<AdminState>, asked: Create) -> ApiResult<Response> {
    create(&state, Noun::Group, asked).await
}

//! `GET /api/v1/keys/{id}`

use axum::extract::State;
use axum::response::Response;
use relay_control::edit::Noun;
use relay_control::view::schema::Key;

use crate::caller::Viewer;
use crate::conditions::IfNoneMatchHeader;
use crate::endpoints::entries::show;
use crate::error::ApiResult;
use crate::input::Input;
use crate::openapi::responses::NotFound;
use crate::state::AdminState;

/// Shows a consumer key.
#[utoipa::path(
    get,
    path = "/keys/{key_id}",
    operation_id = "getKey",
    tag = "keys",
    params(("key_id" = String, Path, description = "The consumer key"), IfNoneMatchHeader),
    responses((status = 200, description = "The consumer key", body = Key, headers(("ETag" = String, description = "Its version"))), (status = 304, description = "It is as it was"), NotFound),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(State(state): State<AdminState>, _: Viewer, input: Input) -> ApiResult<Response> {
    show(&state, Noun::Key, input)
}

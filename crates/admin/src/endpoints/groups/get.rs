//! `GET /api/v1/groups/{id}`

use axum::extract::State;
use axum::response::Response;
use relay_control::edit::Noun;
use relay_control::view::schema::Group;

use crate::caller::Viewer;
use crate::conditions::IfNoneMatchHeader;
use crate::endpoints::entries::show;
use crate::error::ApiResult;
use crate::input::Input;
use crate::openapi::responses::NotFound;
use crate::state::AdminState;

/// Shows a group.
#[utoipa::path(
    get,
    path = "/groups/{logical_group_id}",
    operation_id = "getGroup",
    tag = "groups",
    params(("logical_group_id" = String, Path, description = "The group"), IfNoneMatchHeader),
    responses((status = 200, description = "The group", body = Group, headers(("ETag" = String, description = "Its version"))), (status = 304, description = "It is as it was"), NotFound),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(State(state): State<AdminState>, _: Viewer, input: Input) -> ApiResult<Response> {
    show(&state, Noun::Group, input)
}

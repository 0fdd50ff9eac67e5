//! `GET /api/v1/routes/{id}`

use axum::extract::State;
use axum::response::Response;
use relay_control::edit::Noun;
use relay_control::view::schema::Route;

use crate::caller::Viewer;
use crate::conditions::IfNoneMatchHeader;
use crate::endpoints::entries::show;
use crate::error::ApiResult;
use crate::input::Input;
use crate::openapi::responses::NotFound;
use crate::state::AdminState;

/// Shows a route.
#[utoipa::path(
    get,
    path = "/routes/{route_id}",
    operation_id = "getRoute",
    tag = "routes",
    params(("route_id" = String, Path, description = "The route"), IfNoneMatchHeader),
    responses((status = 200, description = "The route", body = Route, headers(("ETag" = String, description = "Its version"))), (status = 304, description = "It is as it was"), NotFound),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(State(state): State<AdminState>, _: Viewer, input: Input) -> ApiResult<Response> {
    show(&state, Noun::Route, input)
}

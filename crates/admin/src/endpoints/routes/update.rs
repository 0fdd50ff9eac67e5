//! `PATCH /api/v1/routes/{id}`: the fields that change, as a JSON merge patch (RFC 7396).

use axum::extract::State;
use axum::response::Response;
use relay_control::edit::Noun;
use relay_control::view::schema::Route;

use crate::caller::Admin;
use crate::conditions::IfMatchHeader;
use crate::endpoints::entries::update;
use crate::error::ApiResult;
use crate::input::WithBody;
use crate::openapi::bodies::{Changed, RoutePatch};
use crate::openapi::responses::{Conflict, NotFound, Outdated};
use crate::state::AdminState;

/// Changes a route.
///
/// A JSON merge patch (RFC 7396): the fields that change, `null` takes one back to its default. A secret that is not
/// named stays.
#[utoipa::path(
    patch,
    path = "/routes/{route_id}",
    operation_id = "updateRoute",
    tag = "routes",
    params(("route_id" = String, Path, description = "The route"), ("dry_run" = Option<bool>, Query, description = "Tell what would change, and change nothing"), IfMatchHeader),
    request_body = RoutePatch,
    responses((status = 200, description = "The route; with `dry_run` what would change", body = Changed<Route>), NotFound, Conflict, Outdated),
    extensions(("x-role" = json!("admin"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    Admin(access): Admin,
    WithBody(input): WithBody,
) -> ApiResult<Response> {
    update(&state, Noun::Route, &access, input).await
}

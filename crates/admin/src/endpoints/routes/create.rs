//! `POST /api/v1/routes`: one `[[route]]` of the fleet file as JSON; 409 when there is one of that id.

use axum::extract::State;
use axum::response::Response;
use relay_control::edit::Noun;
use relay_control::fleet_document::schema::RouteEntry;
use relay_control::publication::Planned;
use relay_control::view::schema::Route;

use crate::caller::Admin;
use crate::endpoints::entries::create;
use crate::error::ApiResult;
use crate::input::WithBody;
use crate::openapi::responses::Conflict;
use crate::state::AdminState;

/// Makes a route.
///
/// The fields of a `[[route]]` of the fleet file. Published as a generation of its own.
#[utoipa::path(
    post,
    path = "/routes",
    operation_id = "createRoute",
    tag = "routes",
    params(("dry_run" = Option<bool>, Query, description = "Tell what would change, and change nothing")),
    request_body = RouteEntry,
    responses((status = 201, description = "The route", body = Route), (status = 200, description = "With `dry_run`: what would change", body = Planned), Conflict),
    extensions(("x-role" = json!("admin"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    Admin(access): Admin,
    WithBody(input): WithBody,
) -> ApiResult<Response> {
    create(&state, Noun::Route, &access, input).await
}

//! `GET /api/v1/hosts/{id}`

use axum::extract::State;
use axum::response::Response;
use relay_control::edit::Noun;
use relay_control::view::schema::Host;

use crate::caller::Viewer;
use crate::conditions::IfNoneMatchHeader;
use crate::endpoints::entries::show;
use crate::error::ApiResult;
use crate::input::Input;
use crate::openapi::responses::NotFound;
use crate::state::AdminState;

/// Shows a host.
#[utoipa::path(
    get,
    path = "/hosts/{host_id}",
    operation_id = "getHost",
    tag = "hosts",
    params(("host_id" = String, Path, description = "The host"), IfNoneMatchHeader),
    responses((status = 200, description = "The host", body = Host, headers(("ETag" = String, description = "Its version"))), (status = 304, description = "It is as it was"), NotFound),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(State(state): State<AdminState>, _: Viewer, input: Input) -> ApiResult<Response> {
    show(&state, Noun::Host, input)
}

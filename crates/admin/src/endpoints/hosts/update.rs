//! `PATCH /api/v1/hosts/{id}`: the fields that change, as a JSON merge patch (RFC 7396).

use axum::extract::State;
use axum::response::Response;
use relay_control::edit::Noun;
use relay_control::view::schema::Host;

use crate::caller::Admin;
use crate::conditions::IfMatchHeader;
use crate::endpoints::entries::update;
use crate::error::ApiResult;
use crate::input::WithBody;
use crate::openapi::bodies::{Changed, HostPatch};
use crate::openapi::responses::{Conflict, NotFound, Outdated};
use crate::state::AdminState;

/// Changes a host.
///
/// A JSON merge patch (RFC 7396): the fields that change, `null` takes one back to its default. A secret that is not
/// named stays.
#[utoipa::path(
    patch,
    path = "/hosts/{host_id}",
    operation_id = "updateHost",
    tag = "hosts",
    params(("host_id" = String, Path, description = "The host"), ("dry_run" = Option<bool>, Query, description = "Tell what would change, and change nothing"), IfMatchHeader),
    request_body = HostPatch,
    responses((status = 200, description = "The host; with `dry_run` what would change", body = Changed<Host>), NotFound, Conflict, Outdated),
    extensions(("x-role" = json!("admin"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    Admin(access): Admin,
    WithBody(input): WithBody,
) -> ApiResult<Response> {
    update(&state, Noun::Host, &access, input).await
}

//! `DELETE /api/v1/hosts/{id}`: refused while routes lead to it; `?cascade=true` removes those too.

use axum::extract::State;
use axum::response::Response;
use relay_control::edit::Noun;

use crate::caller::Admin;
use crate::conditions::IfMatchHeader;
use crate::endpoints::entries::delete;
use crate::error::ApiResult;
use crate::input::Input;
use crate::openapi::bodies::Removed;
use crate::openapi::responses::{Conflict, NotFound, Outdated};
use crate::state::AdminState;

/// Removes a host.
///
/// Refused while routes lead to it, unless `cascade` removes those too.
#[utoipa::path(
    delete,
    path = "/hosts/{host_id}",
    operation_id = "deleteHost",
    tag = "hosts",
    params(("host_id" = String, Path, description = "The host"), ("cascade" = Option<bool>, Query, description = "Remove what refers to it, too"), ("dry_run" = Option<bool>, Query, description = "Tell what would change, and change nothing"), IfMatchHeader),
    responses((status = 200, description = "What went; with `dry_run` what would go", body = Removed), NotFound, Conflict, Outdated),
    extensions(("x-role" = json!("admin"))),
)]
pub(crate) async fn handle(State(state): State<AdminState>, Admin(access): Admin, input: Input) -> ApiResult<Response> {
    delete(&state, Noun::Host, &access, input).await
}

//! `DELETE /api/v1/groups/{id}`: refused while routes and keys refer to it; `?cascade=true` removes routes, and the
//! group from keys; a key that could call nothing else goes too.

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

/// Removes a group.
///
/// Refused while routes and keys refer to it, unless `cascade` removes the routes and takes it from the keys; a key
/// that could call nothing else goes too.
#[utoipa::path(
    delete,
    path = "/groups/{logical_group_id}",
    operation_id = "deleteGroup",
    tag = "groups",
    params(("logical_group_id" = String, Path, description = "The group"), ("cascade" = Option<bool>, Query, description = "Remove what refers to it, too"), ("dry_run" = Option<bool>, Query, description = "Tell what would change, and change nothing"), IfMatchHeader),
    responses((status = 200, description = "What went; with `dry_run` what would go", body = Removed), NotFound, Conflict, Outdated),
    extensions(("x-role" = json!("admin"))),
)]
pub(crate) async fn handle(State(state): State<AdminState>, Admin(access): Admin, input: Input) -> ApiResult<Response> {
    delete(&state, Noun::Group, &access, input).await
}

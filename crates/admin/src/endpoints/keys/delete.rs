//! `DELETE /api/v1/keys/{id}`

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

/// Removes a consumer key.
///
/// Its decisions and roll-ups stay.
#[utoipa::path(
    delete,
    path = "/keys/{key_id}",
    operation_id = "deleteKey",
    tag = "keys",
    params(("key_id" = String, Path, description = "The consumer key"), ("cascade" = Option<bool>, Query, description = "Remove what refers to it, too"), ("dry_run" = Option<bool>, Query, description = "Tell what would change, and change nothing"), IfMatchHeader),
    responses((status = 200, description = "What went; with `dry_run` what would go", body = Removed), NotFound, Conflict, Outdated),
    extensions(("x-role" = json!("admin"))),
)]
pub(crate) async fn handle(State(state): State<AdminState>, Admin(access): Admin, input: Input) -> ApiResult<Response> {
    delete(&state, Noun::Key, &access, input).await
}

//! `DELETE /api/v1/routes/{id}`

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

/// Removes a route.
///
/// Bindings to it count no more.
#[utoipa::path(
    delete,
    path = "/routes/{route_id}",
    operation_id = "deleteRoute",
    tag = "routes",
    params(("route_id" = String, Path, description = "The route"), ("cascade" = Option<bool>, Query, description = "Remove what refers to it, too"), ("dry_run" = Option<bool>, Query, description = "Tell what would change, and change nothing"), IfMatchHeader),
    responses((status = 200, description = "What went; with `dry_run` what would go", body = Removed), NotFound, Conflict, Outdated),
    extensions(("x-role" = json!("admin"))),
)]
pub(crate) async fn handle(State(state): State<AdminState>, Admin(access): Admin, input: Input) -> ApiResult<Response> {
    delete(&state, Noun::Route, &access, input).await
}

//! `PATCH /api/v1/keys/{id}`: the fields that change, as a JSON merge patch (RFC 7396).

use axum::extract::State;
use axum::response::Response;
use relay_control::edit::Noun;
use relay_control::view::schema::Key;

use crate::caller::Admin;
use crate::conditions::IfMatchHeader;
use crate::endpoints::entries::update;
use crate::error::ApiResult;
use crate::input::WithBody;
use crate::openapi::bodies::{Changed, KeyPatch};
use crate::openapi::responses::{Conflict, NotFound, Outdated};
use crate::state::AdminState;

/// Changes a consumer key.
///
/// A JSON merge patch (RFC 7396): the fields that change, `null` takes one back to its default. A secret that is not
/// named stays.
#[utoipa::path(
    patch,
    path = "/keys/{key_id}",
    operation_id = "updateKey",
    tag = "keys",
    params(("key_id" = String, Path, description = "The consumer key"), ("dry_run" = Option<bool>, Query, description = "Tell what would change, and change nothing"), IfMatchHeader),
    request_body = KeyPatch,
    responses((status = 200, description = "The consumer key; with `dry_run` what would change", body = Changed<Key>), NotFound, Conflict, Outdated),
    extensions(("x-role" = json!("admin"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    Admin(access): Admin,
    WithBody(input): WithBody,
) -> ApiResult<Response> {
    update(&state, Noun::Key, &access, input).await
}

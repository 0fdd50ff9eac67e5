//! `POST /api/v1/keys`: the fields of a fleet file's `[[key]]`; answers `{key_id, key, generation}`, once.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use relay_control::edit::{Edit, Noun};
use relay_control::keys::IssuedKey;
use relay_control::publication::Planned;

use crate::caller::Admin;
use crate::endpoints::entries::planned;
use crate::error::ApiResult;
use crate::input::WithBody;
use crate::openapi::bodies::NewKeyBody;
use crate::openapi::responses::Conflict;
use crate::state::AdminState;

/// Makes a consumer key.
///
/// The fields of a `[[key]]` of the fleet file. The secret is in this answer and nowhere else.
#[utoipa::path(
    post,
    path = "/keys",
    operation_id = "createKey",
    tag = "keys",
    params(("dry_run" = Option<bool>, Query, description = "Tell what would change, and change nothing")),
    request_body = NewKeyBody,
    responses((status = 201, description = "The consumer key", body = IssuedKey), (status = 200, description = "With `dry_run`: what would change", body = Planned), Conflict),
    extensions(("x-role" = json!("admin"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    Admin(access): Admin,
    WithBody(mut input): WithBody,
) -> ApiResult<Response> {
    let fields = input.body().rest();
    if let Some(planned) = planned(&state.control, input, &[Edit::create(Noun::Key, fields.clone())])? {
        return Ok(planned);
    }
    let made = state.control.create_key(fields, &access.actor).await?;
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

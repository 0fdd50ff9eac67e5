//! `POST /api/v1/keys/{id}/rotate`: `{overlap?}`, a span such as `"24h"`; answers the new secret, once.

use axum::Json;
use axum::extract::State;
use relay_control::keys::{DEFAULT_OVERLAP, IssuedKey};
use utoipa::ToSchema;

use crate::caller::Admin;
use crate::error::ApiResult;
use crate::input::WithBody;
use crate::openapi::responses::{Conflict, NotFound};
use crate::state::AdminState;

/// For how long both secrets are good.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what is read by hand")]
pub(crate) struct RotateBody {
    /// A span such as `24h`, the default; `0s` ends the present secret at once.
    #[schema(example = "24h")]
    overlap: Option<String>,
}

/// Gives a consumer key a new secret.
///
/// The present one is good for `overlap` more. The new one is in this answer and nowhere else.
#[utoipa::path(
    post,
    path = "/keys/{key_id}/rotate",
    operation_id = "rotateKey",
    tag = "keys",
    params(("key_id" = String, Path, description = "The consumer key")),
    request_body = Option<RotateBody>,
    responses((status = 200, description = "The key with its new secret", body = IssuedKey), NotFound, Conflict),
    extensions(("x-role" = json!("admin"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    Admin(access): Admin,
    WithBody(mut input): WithBody,
) -> ApiResult<Json<IssuedKey>> {
    let id = input.id();
    let body = input.body();
    let overlap =
        body.parsed("overlap", |text| humantime::parse_duration(text).map_err(|_| "must be a span such as 24h, or 0s"));
    input.finish()?;
    Ok(Json(state.control.rotate_key(&id, overlap.unwrap_or(DEFAULT_OVERLAP), &access.actor).await?))
}

//! `POST /api/v1/apply`: publishes a fleet document; with `If-Match: "<generation>"` only over that generation.

use axum::Json;
use axum::extract::State;
use relay_control::publication::Applied;

use crate::body::DocumentBody;
use crate::caller::Admin;
use crate::conditions::IfMatch;
use crate::error::ApiResult;
use crate::query::Params;
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    Admin(access): Admin,
    params: Params,
    IfMatch(expected): IfMatch,
    DocumentBody(document): DocumentBody,
) -> ApiResult<Json<Applied>> {
    params.none()?;
    Ok(Json(state.control.apply_expecting(&expected, &document, &access.actor).await?))
}

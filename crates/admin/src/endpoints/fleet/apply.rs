//! `POST /api/v1/apply`: publishes a fleet document.

use axum::Json;
use axum::extract::State;
use relay_control::publication::Applied;

use crate::body::DocumentBody;
use crate::caller::Admin;
use crate::error::ApiResult;
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    Admin(access): Admin,
    DocumentBody(document): DocumentBody,
) -> ApiResult<Json<Applied>> {
    Ok(Json(state.control.apply(&document, &access.actor).await?))
}

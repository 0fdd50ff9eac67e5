//! `GET /api/v1/decisions/{request_id}`

use axum::Json;
use axum::extract::State;
use relay_control::decisions::Decision;

use crate::caller::Viewer;
use crate::error::{ApiError, ApiResult};
use crate::input::Input;
use crate::openapi::responses::NotFound;
use crate::state::AdminState;

/// Shows the newest decision with this request id.
#[utoipa::path(
    get,
    path = "/decisions/{request_id}",
    operation_id = "getDecision",
    tag = "decisions",
    params(("request_id" = String, Path, description = "The request's id")),
    responses((status = 200, description = "The decision", body = Decision), NotFound),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(State(state): State<AdminState>, _: Viewer, input: Input) -> ApiResult<Json<Decision>> {
    let id = input.id();
    input.finish()?;
    state.control.decision(&id).await?.map(Json).ok_or_else(|| ApiError::no_such("decision", &id))
}

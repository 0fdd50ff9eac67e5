//! `GET /api/v1/decisions/{request_id}/explain?at_generation=`

use axum::Json;
use axum::extract::State;
use relay_control::explain::Explained;
use relay_control::words::Language;

use crate::caller::Viewer;
use crate::error::{ApiError, ApiResult};
use crate::input::Input;
use crate::openapi::responses::{Conflict, NotFound};
use crate::state::AdminState;

/// Explains a decision.
///
/// Candidates with verdicts, stickiness, attempts, timings, and the same in words.
#[utoipa::path(
    get,
    path = "/decisions/{request_id}/explain",
    operation_id = "explainDecision",
    tag = "decisions",
    params(
        ("request_id" = String, Path, description = "The request's id"),
        ("at_generation" = Option<u64>, Query, description = "Plan it again in the fleet of this generation instead of its own"),
    ),
    responses((status = 200, description = "The explanation", body = Explained), NotFound, Conflict),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(State(state): State<AdminState>, _: Viewer, mut input: Input) -> ApiResult<Json<Explained>> {
    let id = input.id();
    let at = input.query.parsed("at_generation", |text| text.parse().map_err(|_| "must be the number of a generation"));
    input.finish()?;
    state.control.explain(&id, at, Language::English).await?.map(Json).ok_or_else(|| ApiError::no_such("decision", &id))
}

//! `GET /api/v1/verify-log`: proves the decision log, or names what is missing.

use axum::Json;
use axum::extract::State;
use relay_control::decisions::VerifyReport;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::input::Input;
use crate::state::AdminState;

/// Proves the decision log, or names what is missing.
#[utoipa::path(
    get,
    path = "/verify-log",
    operation_id = "verifyLog",
    tag = "log",
    responses((status = 200, description = "What was found", body = VerifyReport)),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(State(state): State<AdminState>, _: Viewer, input: Input) -> ApiResult<Json<VerifyReport>> {
    input.finish()?;
    Ok(Json(state.control.verify_log().await?))
}

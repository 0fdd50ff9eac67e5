//! `GET /api/v1/generations/{number}`

use axum::Json;
use axum::extract::State;
use relay_control::records::GenerationDetail;

use crate::caller::Viewer;
use crate::error::{ApiError, ApiResult};
use crate::input::Input;
use crate::openapi::responses::NotFound;
use crate::state::AdminState;

/// Shows a generation with what it changed.
#[utoipa::path(
    get,
    path = "/generations/{number}",
    operation_id = "getGeneration",
    tag = "generations",
    params(("number" = u64, Path, description = "The generation")),
    responses((status = 200, description = "The generation", body = GenerationDetail), NotFound),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Viewer,
    input: Input,
) -> ApiResult<Json<GenerationDetail>> {
    let id = input.id();
    input.finish()?;
    let missing = || ApiError::no_such("generation", &id);
    let number = id.parse().map_err(|_| missing())?;
    state.control.generation_detail(number).await?.map(Json).ok_or_else(missing)
}

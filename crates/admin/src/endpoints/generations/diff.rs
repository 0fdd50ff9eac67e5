//! `GET /api/v1/generations/{number}/diff?to=`: what changed since, up to another generation or the one in force.

use axum::Json;
use axum::extract::State;
use relay_control::generations::Difference;

use crate::caller::Viewer;
use crate::error::{ApiError, ApiResult};
use crate::input::Input;
use crate::openapi::responses::{Conflict, NotFound};
use crate::state::AdminState;

/// Tells what changed since a generation.
#[utoipa::path(
    get,
    path = "/generations/{number}/diff",
    operation_id = "diffGenerations",
    tag = "generations",
    params(
        ("number" = u64, Path, description = "The generation"),
        ("to" = Option<u64>, Query, description = "Up to this generation; the one in force when left out"),
    ),
    responses((status = 200, description = "What changed", body = Difference), NotFound, Conflict),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Viewer,
    mut input: Input,
) -> ApiResult<Json<Difference>> {
    let id = input.id();
    let to = input.query.parsed("to", str::parse::<u64>);
    input.finish()?;
    let from = id.parse().map_err(|_| ApiError::no_such("generation", &id))?;
    Ok(Json(state.control.difference(from, to).await?))
}

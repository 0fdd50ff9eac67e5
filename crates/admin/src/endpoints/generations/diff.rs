//! `GET /api/v1/generations/{number}/diff?to=`: what changed since, up to another generation or the one in force.

use axum::Json;
use axum::extract::State;
use relay_control::generations::Difference;

use crate::body::Id;
use crate::caller::Viewer;
use crate::error::{ApiError, ApiResult};
use crate::query::Params;
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Viewer,
    Id(id): Id,
    params: Params,
) -> ApiResult<Json<Difference>> {
    let mut filters = params.filters(&["to"]);
    let to = filters.parsed("to", str::parse::<u64>);
    filters.finish()?;
    let from = id.parse().map_err(|_| ApiError::no_such("generation", &id))?;
    Ok(Json(state.control.difference(from, to).await?))
}

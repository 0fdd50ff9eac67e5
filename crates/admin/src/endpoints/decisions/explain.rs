//! `GET /api/v1/decisions/{request_id}/explain`

use axum::Json;
use axum::extract::State;
use relay_control::explain::Explained;

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
) -> ApiResult<Json<Explained>> {
    params.none()?;
    state.control.explain(&id).await?.map(Json).ok_or_else(|| ApiError::no_such("decision", &id))
}

//! `GET /api/v1/notifications/channels/{id}`

use axum::Json;
use axum::extract::State;
use relay_control::view::Fields;

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
) -> ApiResult<Json<Fields>> {
    params.none()?;
    let found = state.control.notification_channel(&id).await?;
    found.map(Json).ok_or_else(|| ApiError::no_such("notification channel", &id))
}

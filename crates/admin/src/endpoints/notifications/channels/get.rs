//! `GET /api/v1/notifications/channels/{id}`

use axum::extract::State;
use axum::response::Response;
use relay_control::edit::Entry;

use crate::body::Id;
use crate::caller::Viewer;
use crate::conditions::IfNoneMatch;
use crate::error::{ApiError, ApiResult};
use crate::query::NoParams;
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Viewer,
    Id(id): Id,
    _: NoParams,
    known: IfNoneMatch,
) -> ApiResult<Response> {
    let found = state.control.notification_channel(&id).await?;
    let Entry { fields, version } = found.ok_or_else(|| ApiError::no_such("notification channel", &id))?;
    Ok(known.answer(&version, fields))
}

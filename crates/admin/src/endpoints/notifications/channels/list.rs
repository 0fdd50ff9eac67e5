//! `GET /api/v1/notifications/channels`

use axum::Json;
use axum::extract::State;
use relay_control::page::Page;
use relay_control::view::Fields;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::query::Params;
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Viewer,
    params: Params,
) -> ApiResult<Json<Page<Fields>>> {
    let mut filters = params.list(&[]);
    let page = filters.page();
    filters.finish()?;
    Ok(Json(state.control.notification_channels(&page).await?))
}

//! `GET /api/v1/notifications/deliveries`

use axum::Json;
use axum::extract::State;
use relay_control::notifications::{DeliveryFilter, DeliveryState, DeliveryView};
use relay_control::page::Page;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::query::Params;
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Viewer,
    params: Params,
) -> ApiResult<Json<Page<DeliveryView>>> {
    let mut filters = params.list(&["channel_id", "kind", "state"]);
    let page = filters.page();
    let filter = DeliveryFilter {
        channel: filters.text("channel_id"),
        kind: filters.text("kind"),
        state: filters.parsed("state", str::parse::<DeliveryState>),
    };
    filters.finish()?;
    Ok(Json(state.control.notification_deliveries(&filter, &page).await?))
}

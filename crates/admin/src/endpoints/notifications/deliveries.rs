//! `GET /api/v1/notifications/deliveries`

use axum::Json;
use axum::extract::State;
use relay_control::notifications::{DeliveryFilter, DeliveryState, DeliveryView};
use relay_control::page::Page;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::query::{PageQuery, Params};
use crate::state::AdminState;

/// Lists messages that were sent or are to be sent, newest first.
#[utoipa::path(
    get,
    path = "/notifications/deliveries",
    operation_id = "listDeliveries",
    tag = "notifications",
    params(
        PageQuery,
        ("channel_id" = Option<String>, Query, description = "To this channel"),
        ("kind" = Option<String>, Query, description = "Of this kind of event"),
        ("state" = Option<String>, Query, description = "`pending`, `delivered`, `failed` or `superseded`", pattern = "^(pending|delivered|failed|superseded)$"),
    ),
    responses((status = 200, description = "Deliveries", body = Page<DeliveryView>)),
    extensions(("x-role" = json!("viewer"))),
)]
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

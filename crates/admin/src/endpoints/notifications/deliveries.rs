//! `GET /api/v1/notifications/deliveries`

use axum::Json;
use axum::extract::State;
use relay_control::notifications::{DeliveryFilter, DeliveryState, DeliveryView};
use relay_control::page::Page;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::input::Input;
use crate::query::PageQuery;
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
    mut input: Input,
) -> ApiResult<Json<Page<DeliveryView>>> {
    let query = &mut input.query;
    let page = query.page();
    let filter = DeliveryFilter {
        channel: query.text("channel_id"),
        kind: query.text("kind"),
        state: query.parsed("state", str::parse::<DeliveryState>),
    };
    input.finish()?;
    Ok(Json(state.control.notification_deliveries(&filter, &page).await?))
}

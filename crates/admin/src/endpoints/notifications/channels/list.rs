//! `GET /api/v1/notifications/channels`

use axum::Json;
use axum::extract::State;
use relay_control::notifications::ChannelFilter;
use relay_control::notifications::schema::Channel;
use relay_control::page::Page;
use relay_control::view::Fields;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::input::Input;
use crate::query::PageQuery;
use crate::state::AdminState;

/// Lists notification channels.
///
/// Without their secrets.
#[utoipa::path(
    get,
    path = "/notifications/channels",
    operation_id = "listChannels",
    tag = "notifications",
    params(
        PageQuery,
        ("type" = Option<String>, Query, description = "Of this type"),
        ("enabled" = Option<bool>, Query, description = "Whether anything is sent to them"),
    ),
    responses((status = 200, description = "Channels by id", body = Page<Channel>)),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Viewer,
    mut input: Input,
) -> ApiResult<Json<Page<Fields>>> {
    let page = input.query.page();
    let filter = ChannelFilter { kind: input.query.text("type"), enabled: input.query.flag("enabled") };
    input.finish()?;
    Ok(Json(state.control.notification_channels(&filter, &page).await?))
}

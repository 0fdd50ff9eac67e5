//! `GET /api/v1/events`: what operators should hear of, newest first.

use axum::Json;
use axum::extract::State;
use relay_control::events::{EventFilter, EventView, Severity};
use relay_control::page::Page;
use relay_domain::HostId;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::input::Input;
use crate::query::PageQuery;
use crate::state::AdminState;

/// Lists what somebody should hear of, newest first.
#[utoipa::path(
    get,
    path = "/events",
    operation_id = "listEvents",
    tag = "events",
    params(
        PageQuery,
        ("kind" = Option<String>, Query, description = "Of this kind"),
        ("host_id" = Option<String>, Query, description = "On this host"),
        ("severity" = Option<String>, Query, description = "At least `info`, `warning` or `critical`", pattern = "^(info|warning|critical)$"),
    ),
    responses((status = 200, description = "Events", body = Page<EventView>)),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Viewer,
    mut input: Input,
) -> ApiResult<Json<Page<EventView>>> {
    let query = &mut input.query;
    let page = query.page();
    let filter = EventFilter {
        kind: query.text("kind"),
        host: query.parsed("host_id", HostId::new),
        severity: query.parsed("severity", str::parse::<Severity>),
    };
    input.finish()?;
    Ok(Json(state.control.events(&filter, &page).await?))
}

//! `GET /api/v1/events`: what operators should hear of, newest first.

use axum::Json;
use axum::extract::State;
use relay_control::events::{EventFilter, EventView, Severity};
use relay_control::page::Page;
use relay_domain::HostId;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::query::Params;
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Viewer,
    params: Params,
) -> ApiResult<Json<Page<EventView>>> {
    let mut filters = params.list(&["kind", "host_id", "severity"]);
    let page = filters.page();
    let filter = EventFilter {
        kind: filters.text("kind"),
        host: filters.parsed("host_id", HostId::new),
        severity: filters.parsed("severity", str::parse::<Severity>),
    };
    filters.finish()?;
    Ok(Json(state.control.events(&filter, &page).await?))
}

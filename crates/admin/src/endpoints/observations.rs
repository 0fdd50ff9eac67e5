//! `GET /api/v1/observations`: what was seen on hosts when it differed from before, newest first.

use axum::Json;
use axum::extract::State;
use relay_control::events::{ObservationFilter, ObservationView};
use relay_control::page::Page;
use relay_domain::HostId;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::query::{PageQuery, Params};
use crate::state::AdminState;

/// Lists prices, balances and availability of hosts, each change, newest first.
#[utoipa::path(
    get,
    path = "/observations",
    operation_id = "listObservations",
    tag = "events",
    params(
        PageQuery,
        ("kind" = Option<String>, Query, description = "Of this kind"),
        ("host_id" = Option<String>, Query, description = "On this host"),
        ("subject" = Option<String>, Query, description = "Of this"),
    ),
    responses((status = 200, description = "Observations", body = Page<ObservationView>)),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Viewer,
    params: Params,
) -> ApiResult<Json<Page<ObservationView>>> {
    let mut filters = params.list(&["kind", "host_id", "subject"]);
    let page = filters.page();
    let filter = ObservationFilter {
        host: filters.parsed("host_id", HostId::new),
        kind: filters.text("kind"),
        subject: filters.text("subject"),
    };
    filters.finish()?;
    Ok(Json(state.control.observations(&filter, &page).await?))
}

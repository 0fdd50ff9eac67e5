//! `GET /api/v1/observations`: what was seen on hosts when it differed from before, newest first.

use axum::Json;
use axum::extract::State;
use relay_control::events::{ObservationFilter, ObservationView};
use relay_control::page::Page;
use relay_domain::HostId;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::input::Input;
use crate::query::PageQuery;
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
    mut input: Input,
) -> ApiResult<Json<Page<ObservationView>>> {
    let query = &mut input.query;
    let page = query.page();
    let filter = ObservationFilter {
        host: query.parsed("host_id", HostId::new),
        kind: query.text("kind"),
        subject: query.text("subject"),
    };
    input.finish()?;
    Ok(Json(state.control.observations(&filter, &page).await?))
}

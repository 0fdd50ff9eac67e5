//! `GET /api/v1/decisions`: newest first.

use axum::Json;
use axum::extract::State;
use relay_control::decisions::{Decision, Filter};
use relay_control::page::Page;
use relay_domain::Timestamp;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::query::{Filters, Params};
use crate::state::AdminState;

const FILTERS: [&str; 10] = [
    "consumer",
    "logical_group_id",
    "public_model",
    "route_id",
    "host_id",
    "verdict",
    "sticky_key",
    "request_id",
    "from",
    "to",
];

pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Viewer,
    params: Params,
) -> ApiResult<Json<Page<Decision>>> {
    let mut filters = params.list(&FILTERS);
    let page = filters.page();
    let filter = Filter {
        consumer: filters.text("consumer"),
        logical_group_id: filters.text("logical_group_id"),
        public_model: filters.text("public_model"),
        route_id: filters.text("route_id"),
        host_id: filters.text("host_id"),
        verdict: filters.text("verdict"),
        sticky_key: filters.text("sticky_key"),
        request_id: filters.text("request_id"),
        from: time(&mut filters, "from"),
        to: time(&mut filters, "to"),
    };
    filters.finish()?;
    Ok(Json(state.control.decisions(filter, page).await?))
}

fn time(filters: &mut Filters, name: &str) -> Option<Timestamp> {
    filters.parsed(name, |text| text.parse::<Timestamp>().map_err(|_| "must be a time such as 2026-10-01T12:00:00Z"))
}

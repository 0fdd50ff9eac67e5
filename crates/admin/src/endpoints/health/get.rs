//! `GET /api/v1/health`: how the server and its fleet are, for people.

use axum::Json;
use axum::extract::State;
use relay_control::fleet_health::{FleetHealthView, HealthFilter, STATES};
use relay_control::status::Health;
use serde::Serialize;
use utoipa::ToSchema;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::input::Input;
use crate::query::PageQuery;
use crate::state::AdminState;

/// The server, its hosts and its routes.
#[derive(Serialize, ToSchema)]
#[schema(as = Health)]
pub(crate) struct Answer {
    #[serde(flatten)]
    server: Health,
    #[serde(flatten)]
    fleet: FleetHealthView,
}

/// Tells how the server and its fleet are.
///
/// The hosts and the routes are one list, hosts first: a page has `limit` of both together. What is told of the server
/// is on every page.
#[utoipa::path(
    get,
    path = "/health",
    operation_id = "getHealth",
    tag = "health",
    params(
        PageQuery,
        ("host_id" = Option<String>, Query, description = "Only this host, and the routes to it"),
        ("route_id" = Option<String>, Query, description = "Only this route, and its host"),
        ("logical_group_id" = Option<String>, Query, description = "Only routes of this group, and their hosts"),
        ("state" = Option<String>, Query, description = "Only what is `closed`, `open` or `half_open`", pattern = "^(closed|open|half_open)$"),
        ("troubled" = Option<bool>, Query, description = "Only what is not well"),
    ),
    responses((status = 200, description = "The health", body = Answer)),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(State(state): State<AdminState>, _: Viewer, mut input: Input) -> ApiResult<Json<Answer>> {
    let query = &mut input.query;
    let page = query.page();
    let filter = HealthFilter {
        host: query.text("host_id"),
        route: query.text("route_id"),
        group: query.text("logical_group_id"),
        state: query.choice("state", &STATES.map(|state| (state, state))),
        troubled: query.flag("troubled").unwrap_or_default(),
    };
    input.finish()?;
    let fleet = state.control.fleet_health_page(&filter, &page);
    Ok(Json(Answer { server: state.control.health().await, fleet }))
}

//! `GET /api/v1/health`: how the server and its fleet are, for people.

use axum::Json;
use axum::extract::State;
use relay_control::fleet_health::{FleetHealthView, HealthFilter};
use relay_control::status::Health;
use serde::Serialize;
use utoipa::ToSchema;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::input::Input;
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
#[utoipa::path(
    get,
    path = "/health",
    operation_id = "getHealth",
    tag = "health",
    params(
        ("host_id" = Option<String>, Query, description = "Only this host, and the routes to it"),
        ("route_id" = Option<String>, Query, description = "Only this route, and its host"),
        ("troubled" = Option<bool>, Query, description = "Only what is not well"),
    ),
    responses((status = 200, description = "The health", body = Answer)),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(State(state): State<AdminState>, _: Viewer, mut input: Input) -> ApiResult<Json<Answer>> {
    let filter = HealthFilter {
        host: input.query.text("host_id"),
        route: input.query.text("route_id"),
        troubled: input.query.flag("troubled").unwrap_or_default(),
    };
    input.finish()?;
    Ok(Json(Answer { server: state.control.health().await, fleet: state.control.fleet_health(&filter) }))
}

//! `POST /api/v1/health/clear-cooldowns`: `{route_id?, host_id?, at_once?}`; neither means all.

use axum::Json;
use axum::extract::State;
use relay_control::fleet_health::{ClearError, ClearedView};
use utoipa::ToSchema;

use crate::caller::Operator;
use crate::error::{ApiError, ApiResult};
use crate::input::WithBody;
use crate::openapi::responses::NotFound;
use crate::state::AdminState;

/// What is cleared.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what is read by hand")]
pub(crate) struct ClearBody {
    /// This route.
    route_id: Option<String>,
    /// This host, and the routes to it.
    host_id: Option<String>,
    /// All at the same moment.
    at_once: Option<bool>,
}

/// Lets what is left alone be tried again.
///
/// Spread over time unless `at_once`. Neither `route_id` nor `host_id` means all. Audited.
#[utoipa::path(
    post,
    path = "/health/clear-cooldowns",
    operation_id = "clearCooldowns",
    tag = "health",
    request_body = Option<ClearBody>,
    responses(
        (status = 200, description = "What was cleared, in the order in which it may be tried", body = ClearedView),
        NotFound,
    ),
    extensions(("x-role" = json!("operator"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    Operator(access): Operator,
    WithBody(mut input): WithBody,
) -> ApiResult<Json<ClearedView>> {
    let body = input.body();
    let (route, host) = (body.text("route_id"), body.text("host_id"));
    let at_once = body.flag("at_once").unwrap_or_default();
    input.finish()?;
    let cleared = state.control.clear_cooldowns(route.as_deref(), host.as_deref(), at_once, &access.actor).await;
    cleared.map(Json).map_err(|error| match error {
        ClearError::NoRoute(id) => ApiError::no_such("route", &id),
        ClearError::NoHost(id) => ApiError::no_such("host", &id),
        ClearError::Store(error) => error.into(),
    })
}

//! `POST /api/v1/health/clear-cooldowns`: `{route_id?, host_id?, at_once?}`; neither means all.

use axum::Json;
use axum::extract::State;
use relay_control::fleet_health::{ClearError, ClearedView};

use crate::body::{Members, RawBody};
use crate::caller::Operator;
use crate::error::{ApiError, ApiResult};
use crate::query::NoParams;
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    Operator(access): Operator,
    _: NoParams,
    RawBody(body): RawBody,
) -> ApiResult<Json<ClearedView>> {
    let mut members = Members::read(&body)?;
    let (route, host) = (members.text("route_id"), members.text("host_id"));
    let at_once = members.flag("at_once").unwrap_or_default();
    members.finish()?;
    let cleared = state.control.clear_cooldowns(route.as_deref(), host.as_deref(), at_once, &access.actor).await;
    cleared.map(Json).map_err(|error| match error {
        ClearError::NoRoute(id) => ApiError::no_such("route", &id),
        ClearError::NoHost(id) => ApiError::no_such("host", &id),
        ClearError::Store(error) => error.into(),
    })
}

//! `POST /api/v1/resolve-route`

use axum::extract::State;
use axum::response::Response;
use relay_control::actions::ResolveRequest;

use super::answer;
use crate::body::RawBody;
use crate::caller::{CallId, Operator};
use crate::error::{ApiError, ApiResult};
use crate::query::NoParams;
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    Operator(_): Operator,
    CallId(id): CallId,
    _: NoParams,
    RawBody(body): RawBody,
) -> ApiResult<Response> {
    let request = ResolveRequest::parse(&body, &id)?;
    let id = &request.request_id;
    let resolved = state.control.resolve_route(&request).await;
    resolved.map(|resolved| answer(id, resolved)).map_err(|error| ApiError::of_action(&error, id, state.control.now()))
}

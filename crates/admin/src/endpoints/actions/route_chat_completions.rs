//! `POST /api/v1/route-chat-completions`

use axum::extract::State;
use axum::response::Response;
use relay_control::actions::ForwardRequest;

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
    let request = ForwardRequest::parse(&body, "model", &id)?;
    let id = &request.resolve.request_id;
    let answered = state.control.route_chat_completions(&request).await;
    answered.map(|answered| answer(id, answered)).map_err(|error| ApiError::of_action(&error, id, state.control.now()))
}

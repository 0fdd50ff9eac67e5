//! `POST /api/v1/proxy-route-chat-completions`

use axum::extract::State;
use axum::response::Response;
use relay_control::actions::schema::ProxyBody;
use relay_control::actions::{ForwardRequest, Proxied};

use super::answer;
use crate::caller::{CallId, Operator};
use crate::error::{ApiError, ApiResult};
use crate::input::WithBody;
use crate::openapi::responses::{HostFailed, NotFound};
use crate::state::AdminState;

/// Resolves a route and sends a small completion over it.
///
/// The operator's probe: one attempt at the resolved route, or with `failover` as the gateway would. A forward that
/// failed is still 200, with `forward.ok = false`.
#[utoipa::path(
    post,
    path = "/proxy-route-chat-completions",
    operation_id = "proxyRouteChatCompletions",
    tag = "actions",
    request_body = ProxyBody,
    responses(
        (status = 200, description = "The route and how the forward went", body = Proxied),
        NotFound,
        HostFailed,
    ),
    extensions(("x-role" = json!("operator"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    Operator(_): Operator,
    CallId(id): CallId,
    WithBody(mut input): WithBody,
) -> ApiResult<Response> {
    let body = input.raw_body();
    let request = input.finish_beside(ForwardRequest::parse(&body, "public_model", &id))?;
    let id = &request.resolve.request_id;
    let answered = state.control.proxy_route_chat_completions(&request).await;
    answered.map(|answered| answer(id, answered)).map_err(|error| ApiError::of_action(&error, id, state.control.now()))
}

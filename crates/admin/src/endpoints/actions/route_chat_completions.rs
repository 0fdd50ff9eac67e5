//! `POST /api/v1/route-chat-completions`

use axum::extract::State;
use axum::response::Response;
use relay_control::actions::schema::RouteBody;
use relay_control::actions::{ForwardRequest, Routed};

use super::answer;
use crate::caller::{CallId, Operator};
use crate::error::{ApiError, ApiResult};
use crate::input::WithBody;
use crate::openapi::responses::{HostFailed, NotFound};
use crate::state::AdminState;

/// Resolves a route and sends a small completion over it, with OpenAI's names.
///
/// As `proxy-route-chat-completions`, with `model` in place of `public_model`, and one flat answer.
#[utoipa::path(
    post,
    path = "/route-chat-completions",
    operation_id = "routeChatCompletions",
    tag = "actions",
    request_body = RouteBody,
    responses(
        (status = 200, description = "The route and how the forward went", body = Routed),
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
    let request = input.finish_beside(ForwardRequest::parse(&body, "model", &id))?;
    let id = &request.resolve.request_id;
    let answered = state.control.route_chat_completions(&request).await;
    answered.map(|answered| answer(id, answered)).map_err(|error| ApiError::of_action(&error, id, state.control.now()))
}

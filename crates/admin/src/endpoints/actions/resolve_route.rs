//! `POST /api/v1/resolve-route`

use axum::extract::State;
use axum::response::Response;
use relay_control::actions::schema::ResolveBody;
use relay_control::actions::{ResolveRequest, Resolved};

use super::answer;
use crate::caller::{CallId, Operator};
use crate::error::{ApiError, ApiResult};
use crate::input::WithBody;
use crate::openapi::responses::{HostFailed, NotFound};
use crate::state::AdminState;

/// Resolves a route.
///
/// Chooses a route as the gateway would, writes the binding at once, and logs the decision.
#[utoipa::path(
    post,
    path = "/resolve-route",
    operation_id = "resolveRoute",
    tag = "actions",
    request_body = ResolveBody,
    responses((status = 200, description = "The route", body = Resolved), NotFound, HostFailed),
    extensions(("x-role" = json!("operator"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    Operator(_): Operator,
    CallId(id): CallId,
    WithBody(mut input): WithBody,
) -> ApiResult<Response> {
    let body = input.raw_body();
    let request = input.finish_beside(ResolveRequest::parse(&body, &id))?;
    let id = &request.request_id;
    let resolved = state.control.resolve_route(&request).await;
    resolved.map(|resolved| answer(id, resolved)).map_err(|error| ApiError::of_action(&error, id, state.control.now()))
}

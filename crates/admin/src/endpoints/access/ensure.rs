//! `PUT /api/v1/access/{host}/{user}/{group}`: obtains access, also when it was taken away or refused before.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use relay_control::managed::GrantView;

use super::WAIT;
use crate::caller::Operator;
use crate::conditions::{IfMatchHeader, tagged};
use crate::error::ApiResult;
use crate::input::Input;
use crate::openapi::responses::{Conflict, HostFailed, NotFound, Outdated};
use crate::state::AdminState;

/// Obtains access.
///
/// Also when it was taken away or refused before. Answers after at most 30 s with how far it is.
#[utoipa::path(
    put,
    path = "/access/{host_id}/{subscription_user}/{group}",
    operation_id = "ensureGrant",
    tag = "access",
    params(super::GrantNames, IfMatchHeader),
    responses((status = 200, description = "The grant", body = GrantView, headers(("ETag" = String, description = "Its version"))), NotFound, Conflict, Outdated, HostFailed),
    extensions(("x-role" = json!("operator"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    Operator(access): Operator,
    mut input: Input,
) -> ApiResult<Response> {
    let [host, user, group] = super::grant(&input);
    let expected = input.if_match();
    input.finish()?;
    let grant = state.control.ensure_access((&host, &user, &group), &expected, WAIT, &access.actor).await?;
    Ok(tagged(&state.control.version_of(&grant), Json(grant)))
}

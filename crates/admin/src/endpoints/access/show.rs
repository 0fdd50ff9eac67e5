//! `GET /api/v1/access/{host}/{user}/{group}`

use axum::extract::State;
use axum::response::Response;
use relay_control::managed::GrantView;

use crate::caller::Viewer;
use crate::conditions::IfNoneMatchHeader;
use crate::error::ApiResult;
use crate::input::Input;
use crate::openapi::responses::{Conflict, HostFailed, NotFound};
use crate::state::AdminState;

/// Shows a grant, with the issues of its key.
#[utoipa::path(
    get,
    path = "/access/{host_id}/{subscription_user}/{group}",
    operation_id = "getGrant",
    tag = "access",
    params(super::GrantNames, IfNoneMatchHeader),
    responses((status = 200, description = "The grant", body = GrantView, headers(("ETag" = String, description = "Its version"))), (status = 304, description = "It is as it was"), NotFound, Conflict, HostFailed),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(State(state): State<AdminState>, _: Viewer, mut input: Input) -> ApiResult<Response> {
    let [host, user, group] = super::grant(&input);
    let known = input.if_none_match();
    input.finish()?;
    let grant = state.control.show_access(&host, &user, &group).await?;
    Ok(known.answer(&state.control.version_of(&grant), grant))
}

//! `PUT /api/v1/access/{host}/{user}/{group}`: obtains access, also when it was taken away or refused before.

use axum::Json;
use axum::extract::State;
use relay_control::managed::GrantView;

use super::WAIT;
use crate::body::{GrantPath, NoBody};
use crate::caller::Operator;
use crate::error::ApiResult;
use crate::openapi::responses::{Conflict, HostFailed, NotFound};
use crate::query::NoParams;
use crate::state::AdminState;

/// Obtains access.
///
/// Also when it was taken away or refused before. Answers after at most 30 s with how far it is.
#[utoipa::path(
    put,
    path = "/access/{host_id}/{subscription_user}/{group}",
    operation_id = "ensureGrant",
    tag = "access",
    params(
        ("host_id" = String, Path, description = "The host"),
        ("subscription_user" = String, Path, description = "The user on the host"),
        ("group" = String, Path, description = "The group on the host: its id or name"),
    ),
    responses((status = 200, description = "The grant", body = GrantView), NotFound, Conflict, HostFailed),
    extensions(("x-role" = json!("operator"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    Operator(access): Operator,
    GrantPath([host, user, group]): GrantPath,
    _: NoParams,
    _: NoBody,
) -> ApiResult<Json<GrantView>> {
    Ok(Json(state.control.ensure_access((&host, &user, &group), WAIT, &access.actor).await?))
}

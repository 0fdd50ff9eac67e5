//! `DELETE /api/v1/access/{host}/{user}/{group}`: takes access away, at once for requests.

use axum::Json;
use axum::extract::State;
use relay_control::managed::GrantView;

use super::WAIT;
use crate::body::GrantPath;
use crate::caller::Operator;
use crate::error::ApiResult;
use crate::openapi::responses::{Conflict, HostFailed, NotFound};
use crate::query::Params;
use crate::state::AdminState;

/// Takes access away.
///
/// For requests at once. Answers after at most 30 s with how far it is.
#[utoipa::path(
    delete,
    path = "/access/{host_id}/{subscription_user}/{group}",
    operation_id = "revokeGrant",
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
    params: Params,
) -> ApiResult<Json<GrantView>> {
    params.none()?;
    Ok(Json(state.control.revoke_access((&host, &user, &group), WAIT, &access.actor).await?))
}

//! `GET /api/v1/access/{host}/{user}/{group}`

use axum::Json;
use axum::extract::State;
use relay_control::managed::GrantView;

use crate::body::GrantPath;
use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::openapi::responses::{Conflict, HostFailed, NotFound};
use crate::query::Params;
use crate::state::AdminState;

/// Shows a grant, with the issues of its key.
#[utoipa::path(
    get,
    path = "/access/{host_id}/{subscription_user}/{group}",
    operation_id = "getGrant",
    tag = "access",
    params(
        ("host_id" = String, Path, description = "The host"),
        ("subscription_user" = String, Path, description = "The user on the host"),
        ("group" = String, Path, description = "The group on the host: its id or name"),
    ),
    responses((status = 200, description = "The grant", body = GrantView), NotFound, Conflict, HostFailed),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Viewer,
    GrantPath([host, user, group]): GrantPath,
    params: Params,
) -> ApiResult<Json<GrantView>> {
    params.none()?;
    Ok(Json(state.control.show_access(&host, &user, &group).await?))
}

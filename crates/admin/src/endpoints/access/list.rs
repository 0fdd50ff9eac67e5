//! `GET /api/v1/access`

use axum::Json;
use axum::extract::State;
use relay_control::managed::{AccessFilter, GrantState, GrantView};
use relay_control::page::Page;
use relay_domain::HostId;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::query::{PageQuery, Params};
use crate::state::AdminState;

/// Lists grants of managed access.
#[utoipa::path(
    get,
    path = "/access",
    operation_id = "listGrants",
    tag = "access",
    params(
        PageQuery,
        ("host_id" = Option<String>, Query, description = "On this host"),
        ("subscription_user" = Option<String>, Query, description = "Of this user"),
        ("group_id" = Option<i64>, Query, description = "To this group"),
        ("state" = Option<String>, Query, description = "`pending`, `ready`, `refused` or `revoked`", pattern = "^(pending|ready|refused|revoked)$"),
    ),
    responses((status = 200, description = "Grants", body = Page<GrantView>)),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Viewer,
    params: Params,
) -> ApiResult<Json<Page<GrantView>>> {
    let mut filters = params.list(&["host_id", "subscription_user", "group_id", "state"]);
    let page = filters.page();
    let filter = AccessFilter {
        host: filters.parsed("host_id", HostId::new),
        user: filters.text("subscription_user"),
        group_id: filters.parsed("group_id", str::parse::<i64>),
        state: filters.parsed("state", str::parse::<GrantState>),
    };
    filters.finish()?;
    Ok(Json(state.control.grants(&filter, &page).await?))
}

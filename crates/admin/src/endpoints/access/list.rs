//! `GET /api/v1/access`

use axum::Json;
use axum::extract::State;
use relay_control::managed::{AccessFilter, GrantState, GrantView};
use relay_control::page::Page;
use relay_domain::HostId;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::input::Input;
use crate::query::PageQuery;
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
    mut input: Input,
) -> ApiResult<Json<Page<GrantView>>> {
    let query = &mut input.query;
    let page = query.page();
    let filter = AccessFilter {
        host: query.parsed("host_id", HostId::new),
        user: query.text("subscription_user"),
        group_id: query.parsed("group_id", str::parse::<i64>),
        state: query.parsed("state", str::parse::<GrantState>),
    };
    input.finish()?;
    Ok(Json(state.control.grants(&filter, &page).await?))
}

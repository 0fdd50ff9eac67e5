//! `GET /api/v1/groups`

use axum::Json;
use axum::extract::State;
use relay_control::fleet_list::GroupFilter;
use relay_control::page::Page;
use relay_control::view::Fields;
use relay_control::view::schema::Group;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::query::{PageQuery, Params};
use crate::state::AdminState;

/// Lists groups.
#[utoipa::path(
    get,
    path = "/groups",
    operation_id = "listGroups",
    tag = "groups",
    params(PageQuery, ("enabled" = Option<bool>, Query, description = "Taken out or not")),
    responses((status = 200, description = "Groups by id", body = Page<Group>)),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Viewer,
    params: Params,
) -> ApiResult<Json<Page<Fields>>> {
    let mut filters = params.list(&["enabled"]);
    let page = filters.page();
    let filter = GroupFilter { enabled: filters.flag("enabled") };
    filters.finish()?;
    Ok(Json(state.control.groups(&filter, &page)))
}

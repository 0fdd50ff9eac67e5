//! `GET /api/v1/groups`

use axum::Json;
use axum::extract::State;
use relay_control::fleet_list::GroupFilter;
use relay_control::page::Page;
use relay_control::view::Fields;
use relay_control::view::schema::Group;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::input::Input;
use crate::query::PageQuery;
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
    mut input: Input,
) -> ApiResult<Json<Page<Fields>>> {
    let page = input.query.page();
    let filter = GroupFilter { enabled: input.query.flag("enabled") };
    input.finish()?;
    Ok(Json(state.control.groups(&filter, &page)))
}

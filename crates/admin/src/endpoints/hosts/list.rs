//! `GET /api/v1/hosts`

use axum::Json;
use axum::extract::State;
use relay_control::fleet_list::HostFilter;
use relay_control::page::Page;
use relay_control::view::Fields;
use relay_domain::HostKind;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::query::Params;
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Viewer,
    params: Params,
) -> ApiResult<Json<Page<Fields>>> {
    let mut filters = params.list(&["kind", "enabled"]);
    let page = filters.page();
    let kinds = [HostKind::Sub2api, HostKind::OpenAi].map(|kind| (kind.as_str(), kind));
    let filter = HostFilter { kind: filters.choice("kind", &kinds), enabled: filters.flag("enabled") };
    filters.finish()?;
    Ok(Json(state.control.hosts(&filter, &page)))
}

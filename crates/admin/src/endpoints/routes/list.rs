//! `GET /api/v1/routes`

use axum::Json;
use axum::extract::State;
use relay_control::fleet_list::RouteFilter;
use relay_control::page::Page;
use relay_control::view::Fields;
use relay_domain::CredentialMode;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::query::Params;
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Viewer,
    params: Params,
) -> ApiResult<Json<Page<Fields>>> {
    let mut filters = params.list(&["logical_group_id", "public_model", "shadow_host_id", "enabled", "credential"]);
    let page = filters.page();
    let modes = [CredentialMode::HostKey, CredentialMode::Managed, CredentialMode::Caller];
    let filter = RouteFilter {
        logical_group_id: filters.text("logical_group_id"),
        public_model: filters.text("public_model"),
        shadow_host_id: filters.text("shadow_host_id"),
        enabled: filters.flag("enabled"),
        credential: filters.choice("credential", &modes.map(|mode| (mode.as_str(), mode))),
    };
    filters.finish()?;
    Ok(Json(state.control.routes(&filter, &page)))
}

//! `GET /api/v1/managed-resources`

use axum::Json;
use axum::extract::State;
use relay_control::page::Page;
use relay_control::records::{ResourceFilter, ResourceKind, ResourceView};
use relay_domain::HostId;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::query::Params;
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Viewer,
    params: Params,
) -> ApiResult<Json<Page<ResourceView>>> {
    let mut filters = params.list(&["host_id", "type", "name"]);
    let page = filters.page();
    let filter = ResourceFilter {
        host: filters.parsed("host_id", HostId::new),
        kind: filters.parsed("type", str::parse::<ResourceKind>),
        name: filters.text("name"),
    };
    filters.finish()?;
    Ok(Json(state.control.managed_resources(&filter, &page).await?))
}

//! `GET /api/v1/managed-resources`

use axum::Json;
use axum::extract::State;
use relay_control::page::Page;
use relay_control::records::{ResourceFilter, ResourceKind, ResourceView};
use relay_domain::HostId;

use super::ManagedType;
use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::input::Input;
use crate::query::PageQuery;
use crate::state::AdminState;

/// Lists what is known of objects on hosts.
#[utoipa::path(
    get,
    path = "/managed-resources",
    operation_id = "listManagedResources",
    tag = "managed-resources",
    params(
        PageQuery,
        ("host_id" = Option<String>, Query, description = "On this host"),
        ("type" = Option<ManagedType>, Query, description = "Of this type"),
        ("name" = Option<String>, Query, description = "With this name"),
    ),
    responses((status = 200, description = "Managed resources", body = Page<ResourceView>)),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Viewer,
    mut input: Input,
) -> ApiResult<Json<Page<ResourceView>>> {
    let query = &mut input.query;
    let page = query.page();
    let filter = ResourceFilter {
        host: query.parsed("host_id", HostId::new),
        kind: query.parsed("type", str::parse::<ResourceKind>),
        name: query.text("name"),
    };
    input.finish()?;
    Ok(Json(state.control.managed_resources(&filter, &page).await?))
}

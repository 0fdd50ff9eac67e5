//! `GET /api/v1/hosts`

use axum::Json;
use axum::extract::State;
use relay_control::fleet_document::schema;
use relay_control::fleet_list::HostFilter;
use relay_control::page::Page;
use relay_control::view::Fields;
use relay_control::view::schema::Host;
use relay_domain::HostKind;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::input::Input;
use crate::query::PageQuery;
use crate::state::AdminState;

/// Lists hosts.
#[utoipa::path(
    get,
    path = "/hosts",
    operation_id = "listHosts",
    tag = "hosts",
    params(PageQuery, ("kind" = Option<schema::HostKind>, Query, description = "Of this kind"), ("enabled" = Option<bool>, Query, description = "Taken out or not")),
    responses((status = 200, description = "Hosts by id", body = Page<Host>)),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Viewer,
    mut input: Input,
) -> ApiResult<Json<Page<Fields>>> {
    let page = input.query.page();
    let kinds = [HostKind::Sub2api, HostKind::OpenAi].map(|kind| (kind.as_str(), kind));
    let filter = HostFilter { kind: input.query.choice("kind", &kinds), enabled: input.query.flag("enabled") };
    input.finish()?;
    Ok(Json(state.control.hosts(&filter, &page)))
}

//! `GET /api/v1/routes`

use axum::Json;
use axum::extract::State;
use relay_control::fleet_document::schema::RouteCredential;
use relay_control::fleet_list::RouteFilter;
use relay_control::page::Page;
use relay_control::view::Fields;
use relay_control::view::schema::Route;
use relay_domain::CredentialMode;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::input::Input;
use crate::query::PageQuery;
use crate::state::AdminState;

/// Lists routes.
#[utoipa::path(
    get,
    path = "/routes",
    operation_id = "listRoutes",
    tag = "routes",
    params(PageQuery, ("logical_group_id" = Option<String>, Query, description = "Of this group"), ("public_model" = Option<String>, Query, description = "For this model, as it is written in the route"), ("shadow_host_id" = Option<String>, Query, description = "To this host"), ("enabled" = Option<bool>, Query, description = "Taken out or not"), ("credential" = Option<RouteCredential>, Query, description = "That send this kind of key")),
    responses((status = 200, description = "Routes by id", body = Page<Route>)),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Viewer,
    mut input: Input,
) -> ApiResult<Json<Page<Fields>>> {
    let query = &mut input.query;
    let page = query.page();
    let modes = [CredentialMode::HostKey, CredentialMode::Managed, CredentialMode::Caller];
    let filter = RouteFilter {
        logical_group_id: query.text("logical_group_id"),
        public_model: query.text("public_model"),
        shadow_host_id: query.text("shadow_host_id"),
        enabled: query.flag("enabled"),
        credential: query.choice("credential", &modes.map(|mode| (mode.as_str(), mode))),
    };
    input.finish()?;
    Ok(Json(state.control.routes(&filter, &page)))
}

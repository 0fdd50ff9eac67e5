//! `GET /api/v1/keys`

use axum::Json;
use axum::extract::State;
use relay_control::fleet_list::KeyFilter;
use relay_control::page::Page;
use relay_control::view::Fields;
use relay_domain::KeyOrigin;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::query::Params;
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Viewer,
    params: Params,
) -> ApiResult<Json<Page<Fields>>> {
    let mut filters = params.list(&["logical_group_id", "enabled", "label", "origin", "subscription_user"]);
    let page = filters.page();
    let origins = [KeyOrigin::File, KeyOrigin::Api].map(|origin| (origin.as_str(), origin));
    let filter = KeyFilter {
        logical_group_id: filters.text("logical_group_id"),
        enabled: filters.flag("enabled"),
        label: filters.text("label"),
        origin: filters.choice("origin", &origins),
        subscription_user: filters.text("subscription_user"),
    };
    filters.finish()?;
    Ok(Json(state.control.keys(&filter, &page)))
}

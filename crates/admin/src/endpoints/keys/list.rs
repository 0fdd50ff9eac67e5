//! `GET /api/v1/keys`

use axum::Json;
use axum::extract::State;
use relay_control::fleet_document::schema;
use relay_control::fleet_list::KeyFilter;
use relay_control::page::Page;
use relay_control::view::Fields;
use relay_control::view::schema::Key;
use relay_domain::KeyOrigin;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::input::Input;
use crate::query::PageQuery;
use crate::state::AdminState;

/// Lists consumer keys.
///
/// Without their secrets.
#[utoipa::path(
    get,
    path = "/keys",
    operation_id = "listKeys",
    tag = "keys",
    params(PageQuery, ("logical_group_id" = Option<String>, Query, description = "That may call this group"), ("enabled" = Option<bool>, Query, description = "Taken out or not"), ("label" = Option<String>, Query, description = "Whose label has this in it, in upper or lower case"), ("origin" = Option<schema::KeyOrigin>, Query, description = "Kept by the fleet file, or made over the API"), ("subscription_user" = Option<String>, Query, description = "Whose managed routes this host user pays for")),
    responses((status = 200, description = "Keys by id", body = Page<Key>)),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Viewer,
    mut input: Input,
) -> ApiResult<Json<Page<Fields>>> {
    let query = &mut input.query;
    let page = query.page();
    let origins = [KeyOrigin::File, KeyOrigin::Api].map(|origin| (origin.as_str(), origin));
    let filter = KeyFilter {
        logical_group_id: query.text("logical_group_id"),
        enabled: query.flag("enabled"),
        label: query.text("label"),
        origin: query.choice("origin", &origins),
        subscription_user: query.text("subscription_user"),
    };
    input.finish()?;
    Ok(Json(state.control.keys(&filter, &page)))
}

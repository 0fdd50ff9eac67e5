//! `GET /api/v1/bindings`

use axum::Json;
use axum::extract::State;
use relay_control::binding_list::BindingView;
use relay_control::page::Page;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::query::{PageQuery, Params};
use crate::state::AdminState;

/// Lists sticky bindings.
#[utoipa::path(
    get,
    path = "/bindings",
    operation_id = "listBindings",
    tag = "bindings",
    params(PageQuery, super::BindingQuery),
    responses((status = 200, description = "Bindings", body = Page<BindingView>)),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Viewer,
    params: Params,
) -> ApiResult<Json<Page<BindingView>>> {
    let mut filters = params.list(&super::FILTERS);
    let page = filters.page();
    let filter = super::filter(&mut filters);
    filters.finish()?;
    Ok(Json(state.control.bindings(&filter, &page).await?))
}

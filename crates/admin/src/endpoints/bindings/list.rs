//! `GET /api/v1/bindings`

use axum::Json;
use axum::extract::State;
use relay_control::binding_list::BindingView;
use relay_control::page::Page;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::input::Input;
use crate::query::PageQuery;
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
    mut input: Input,
) -> ApiResult<Json<Page<BindingView>>> {
    let page = input.query.page();
    let filter = super::filter(&mut input.query);
    input.finish()?;
    Ok(Json(state.control.bindings(&filter, &page).await))
}

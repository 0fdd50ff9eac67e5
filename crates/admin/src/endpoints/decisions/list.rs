//! `GET /api/v1/decisions`: newest first.

use axum::Json;
use axum::extract::State;
use relay_control::decisions::Decision;
use relay_control::page::Page;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::query::{PageQuery, Params};
use crate::state::AdminState;

/// Lists decisions, newest first.
///
/// A page may be short, even empty, and still have a cursor: there is more to look through.
#[utoipa::path(
    get,
    path = "/decisions",
    operation_id = "listDecisions",
    tag = "decisions",
    params(PageQuery, super::DecisionQuery),
    responses((status = 200, description = "Decisions", body = Page<Decision>)),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Viewer,
    params: Params,
) -> ApiResult<Json<Page<Decision>>> {
    let mut filters = params.list(&super::FILTERS);
    let page = filters.page();
    let filter = super::filter(&mut filters);
    filters.finish()?;
    Ok(Json(state.control.decisions(filter, page).await?))
}

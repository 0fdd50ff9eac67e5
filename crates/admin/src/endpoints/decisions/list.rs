//! `GET /api/v1/decisions`: newest first.

use axum::Json;
use axum::extract::State;
use relay_control::decisions::Decision;
use relay_control::page::Page;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::input::Input;
use crate::query::PageQuery;
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
    mut input: Input,
) -> ApiResult<Json<Page<Decision>>> {
    let page = input.query.page();
    let filter = super::filter(&mut input.query);
    input.finish()?;
    Ok(Json(state.control.decisions(filter, page).await?))
}

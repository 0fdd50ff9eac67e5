//! `GET /api/v1/hosts/{id}/progress`: how far a sync or a reconciliation is, while somebody waits for it.

use axum::Json;
use axum::extract::State;
use relay_control::hosts::WorkProgress;
use relay_control::page::Page;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::input::Input;
use crate::openapi::responses::NotFound;
use crate::query::PageQuery;
use crate::state::AdminState;

/// Tells how far a sync or a reconciliation of a host is that somebody waits for.
#[utoipa::path(
    get,
    path = "/hosts/{host_id}/progress",
    operation_id = "getHostProgress",
    tag = "hosts",
    params(
        PageQuery,
        ("host_id" = String, Path, description = "The host"),
        ("work" = Option<String>, Query, description = "Only `sync` or `reconcile`"),
    ),
    responses((status = 200, description = "Work under way, in the order of its beginning", body = Page<WorkProgress>), NotFound),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Viewer,
    mut input: Input,
) -> ApiResult<Json<Page<WorkProgress>>> {
    let id = input.id();
    let (page, work) = (input.query.page(), input.query.text("work"));
    input.finish()?;
    Ok(Json(state.control.work_on_host(&id, work.as_deref(), &page)?))
}

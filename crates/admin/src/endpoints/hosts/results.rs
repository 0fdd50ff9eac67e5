//! `GET /api/v1/hosts/{id}/results`: what came last of each kind of work on a host.

use axum::Json;
use axum::extract::State;
use relay_control::hosts::HostResult;
use relay_control::page::Page;

use crate::body::Id;
use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::openapi::responses::NotFound;
use crate::query::{PageQuery, Params};
use crate::state::AdminState;

/// Tells what came last of each kind of work on a host, and when.
///
/// Kept until the same is done again, over restarts too.
#[utoipa::path(
    get,
    path = "/hosts/{host_id}/results",
    operation_id = "listHostResults",
    tag = "hosts",
    params(
        PageQuery,
        ("host_id" = String, Path, description = "The host"),
        ("work" = Option<String>, Query, description = "Only `try`, `probe`, `sync` or `reconcile`"),
    ),
    responses((status = 200, description = "The results, by kind of work", body = Page<HostResult>), NotFound),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Viewer,
    Id(id): Id,
    params: Params,
) -> ApiResult<Json<Page<HostResult>>> {
    let mut filters = params.list(&["work"]);
    let (page, work) = (filters.page(), filters.text("work"));
    filters.finish()?;
    Ok(Json(state.control.host_results(&id, work.as_deref(), &page).await?))
}

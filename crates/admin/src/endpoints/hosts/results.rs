//! `GET /api/v1/hosts/{id}/results`: what came last of each kind of work on a host.

use axum::Json;
use axum::extract::State;
use relay_control::hosts::HostResult;
use relay_control::page::Page;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::input::Input;
use crate::openapi::responses::NotFound;
use crate::query::PageQuery;
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
    mut input: Input,
) -> ApiResult<Json<Page<HostResult>>> {
    let id = input.id();
    let (page, work) = (input.query.page(), input.query.text("work"));
    input.finish()?;
    Ok(Json(state.control.host_results(&id, work.as_deref(), &page).await?))
}

//! `GET /api/v1/hosts/{id}/progress`: how far a sync or a reconciliation is, while somebody waits for it.

use axum::Json;
use axum::extract::State;
use relay_control::hosts::WorkProgress;
use serde::Serialize;
use utoipa::ToSchema;

use crate::body::Id;
use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::openapi::responses::NotFound;
use crate::query::NoParams;
use crate::state::AdminState;

/// Work under way.
#[derive(Serialize, ToSchema)]
pub(crate) struct UnderWay {
    /// All of it, in the order of its beginning.
    items: Vec<WorkProgress>,
}

/// Tells how far a sync or a reconciliation of a host is that somebody waits for.
#[utoipa::path(
    get,
    path = "/hosts/{host_id}/progress",
    operation_id = "getHostProgress",
    tag = "hosts",
    params(("host_id" = String, Path, description = "The host")),
    responses((status = 200, description = "Work under way", body = UnderWay), NotFound),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Viewer,
    Id(id): Id,
    _: NoParams,
) -> ApiResult<Json<UnderWay>> {
    Ok(Json(UnderWay { items: state.control.work_on_host(&id)? }))
}

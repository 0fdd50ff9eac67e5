//! `DELETE /api/v1/bindings/{sticky_key}`

use axum::Json;
use axum::extract::State;

use super::Purged;
use crate::body::{Id, NoBody};
use crate::caller::Operator;
use crate::conditions::{IfMatch, IfMatchHeader};
use crate::error::ApiResult;
use crate::openapi::responses::{NotFound, Outdated};
use crate::query::NoParams;
use crate::state::AdminState;

/// Removes a binding.
///
/// Audited.
#[utoipa::path(
    delete,
    path = "/bindings/{sticky_key}",
    operation_id = "deleteBinding",
    tag = "bindings",
    params(("sticky_key" = String, Path, description = "The binding's key"), IfMatchHeader),
    responses((status = 200, description = "It is gone", body = Purged), NotFound, Outdated),
    extensions(("x-role" = json!("operator"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    Operator(access): Operator,
    Id(id): Id,
    _: NoParams,
    IfMatch(expected): IfMatch,
    _: NoBody,
) -> ApiResult<Json<Purged>> {
    state.control.delete_binding(super::sticky_key(&id)?, &expected, &access.actor).await?;
    Ok(Json(Purged { purged: 1 }))
}

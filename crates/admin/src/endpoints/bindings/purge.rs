//! `DELETE /api/v1/bindings`: removes all that match; without a filter, all.

use axum::Json;
use axum::extract::State;

use super::Purged;
use crate::body::NoBody;
use crate::caller::Operator;
use crate::error::ApiResult;
use crate::query::Params;
use crate::state::AdminState;

/// Removes all bindings that match.
///
/// All of them without a filter. Audited.
#[utoipa::path(
    delete,
    path = "/bindings",
    operation_id = "purgeBindings",
    tag = "bindings",
    params(super::BindingQuery),
    responses((status = 200, description = "How many are gone", body = Purged)),
    extensions(("x-role" = json!("operator"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    Operator(access): Operator,
    params: Params,
    _: NoBody,
) -> ApiResult<Json<Purged>> {
    let mut filters = params.filters(&super::FILTERS);
    let filter = super::filter(&mut filters);
    filters.finish()?;
    let purged = state.control.purge_bindings(&filter, &access.actor).await?;
    Ok(Json(Purged { purged }))
}

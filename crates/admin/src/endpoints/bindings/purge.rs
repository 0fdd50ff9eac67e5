//! `DELETE /api/v1/bindings`: removes all that match; without a filter, all.

use axum::Json;
use axum::extract::State;

use super::Purged;
use crate::caller::Operator;
use crate::error::ApiResult;
use crate::input::Input;
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
    mut input: Input,
) -> ApiResult<Json<Purged>> {
    let filter = super::filter(&mut input.query);
    input.finish()?;
    let purged = state.control.purge_bindings(&filter, &access.actor).await?;
    Ok(Json(Purged { purged }))
}

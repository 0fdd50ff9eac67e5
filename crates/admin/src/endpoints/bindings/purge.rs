//! `DELETE /api/v1/bindings`: removes all that match; without a filter, all.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::caller::Operator;
use crate::error::ApiResult;
use crate::query::Params;
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    Operator(access): Operator,
    params: Params,
) -> ApiResult<Json<Value>> {
    let mut filters = params.filters(&super::FILTERS);
    let filter = super::filter(&mut filters);
    filters.finish()?;
    let purged = state.control.purge_bindings(&filter, &access.actor).await?;
    Ok(Json(json!({ "purged": purged })))
}

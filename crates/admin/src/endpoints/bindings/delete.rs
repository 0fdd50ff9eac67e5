//! `DELETE /api/v1/bindings/{sticky_key}`

use axum::Json;
use axum::extract::State;
use relay_control::binding_list::BindingFilter;
use serde_json::{Value, json};

use crate::body::Id;
use crate::caller::Operator;
use crate::error::{ApiError, ApiResult};
use crate::query::Params;
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    Operator(access): Operator,
    Id(id): Id,
    params: Params,
) -> ApiResult<Json<Value>> {
    params.none()?;
    let key = super::sticky_key(&id)?;
    let filter = BindingFilter { sticky_key: Some(key), ..BindingFilter::default() };
    match state.control.purge_bindings(&filter, &access.actor).await? {
        0 => Err(ApiError::no_such("binding", &id)),
        purged => Ok(Json(json!({ "purged": purged }))),
    }
}

//! `DELETE /api/v1/bindings/{sticky_key}`

use axum::Json;
use axum::extract::State;
use relay_control::binding_list::BindingFilter;

use super::Purged;
use crate::body::Id;
use crate::caller::Operator;
use crate::error::{ApiError, ApiResult};
use crate::openapi::responses::NotFound;
use crate::query::Params;
use crate::state::AdminState;

/// Removes a binding.
///
/// Audited.
#[utoipa::path(
    delete,
    path = "/bindings/{sticky_key}",
    operation_id = "deleteBinding",
    tag = "bindings",
    params(("sticky_key" = String, Path, description = "The binding's key")),
    responses((status = 200, description = "It is gone", body = Purged), NotFound),
    extensions(("x-role" = json!("operator"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    Operator(access): Operator,
    Id(id): Id,
    params: Params,
) -> ApiResult<Json<Purged>> {
    params.none()?;
    let key = super::sticky_key(&id)?;
    let filter = BindingFilter { sticky_key: Some(key), ..BindingFilter::default() };
    match state.control.purge_bindings(&filter, &access.actor).await? {
        0 => Err(ApiError::no_such("binding", &id)),
        purged => Ok(Json(Purged { purged })),
    }
}

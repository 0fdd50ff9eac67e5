//! `GET /api/v1/bindings/{sticky_key}`

use axum::Json;
use axum::extract::State;
use relay_control::binding_list::BindingView;

use crate::body::Id;
use crate::caller::Viewer;
use crate::error::{ApiError, ApiResult};
use crate::openapi::responses::NotFound;
use crate::query::Params;
use crate::state::AdminState;

/// Shows a binding.
#[utoipa::path(
    get,
    path = "/bindings/{sticky_key}",
    operation_id = "getBinding",
    tag = "bindings",
    params(("sticky_key" = String, Path, description = "The binding's key")),
    responses((status = 200, description = "The binding", body = BindingView), NotFound),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Viewer,
    Id(id): Id,
    params: Params,
) -> ApiResult<Json<BindingView>> {
    params.none()?;
    let found = state.control.binding(super::sticky_key(&id)?).await;
    found.map(Json).ok_or_else(|| ApiError::no_such("binding", &id))
}

//! `GET /api/v1/bindings/{sticky_key}`

use axum::extract::State;
use axum::response::Response;
use relay_control::binding_list::BindingView;

use crate::caller::Viewer;
use crate::conditions::IfNoneMatchHeader;
use crate::error::{ApiError, ApiResult};
use crate::input::Input;
use crate::openapi::responses::NotFound;
use crate::state::AdminState;

/// Shows a binding.
#[utoipa::path(
    get,
    path = "/bindings/{sticky_key}",
    operation_id = "getBinding",
    tag = "bindings",
    params(("sticky_key" = String, Path, description = "The binding's key"), IfNoneMatchHeader),
    responses((status = 200, description = "The binding", body = BindingView, headers(("ETag" = String, description = "Its version"))), (status = 304, description = "It is as it was"), NotFound),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(State(state): State<AdminState>, _: Viewer, mut input: Input) -> ApiResult<Response> {
    let id = input.id();
    let known = input.if_none_match();
    input.finish()?;
    let found = state.control.binding(super::sticky_key(&id)?).await;
    let found = found.ok_or_else(|| ApiError::no_such("binding", &id))?;
    Ok(known.answer(&state.control.version_of(&found), found))
}

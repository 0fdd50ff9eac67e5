//! `DELETE /api/v1/bindings/{sticky_key}`

use axum::Json;
use axum::extract::State;

use super::Purged;
use crate::caller::Operator;
use crate::conditions::IfMatchHeader;
use crate::error::ApiResult;
use crate::input::Input;
use crate::openapi::responses::{NotFound, Outdated};
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
    mut input: Input,
) -> ApiResult<Json<Purged>> {
    let id = input.id();
    let expected = input.if_match();
    input.finish()?;
    state.control.delete_binding(super::sticky_key(&id)?, &expected, &access.actor).await?;
    Ok(Json(Purged { purged: 1 }))
}

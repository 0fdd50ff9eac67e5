//! `GET /api/v1/whoami`: whose token this is, and what it may do.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::input::Input;

/// Who calls.
#[derive(Serialize, ToSchema)]
pub(crate) struct Caller {
    /// Whose token it is.
    label: String,
    /// `admin`, `operator` or `viewer`.
    role: &'static str,
}

/// Tells whose token this is, and what it may do.
#[utoipa::path(
    get,
    path = "/whoami",
    operation_id = "whoAmI",
    tag = "tokens",
    responses((status = 200, description = "Who calls", body = Caller)),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(Viewer(access): Viewer, input: Input) -> ApiResult<Json<Caller>> {
    input.finish()?;
    Ok(Json(Caller { label: access.actor, role: access.role.as_str() }))
}

//! `POST /api/v1/generations/{number}/rollback`: publishes the fleet of that generation as a new one.

use axum::Json;
use axum::extract::State;
use relay_control::generations::RolledBack;

use crate::body::Id;
use crate::caller::Admin;
use crate::error::{ApiError, ApiResult};
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    Admin(access): Admin,
    Id(id): Id,
) -> ApiResult<Json<RolledBack>> {
    let to = id.parse().map_err(|_| ApiError::no_such("generation", &id))?;
    Ok(Json(state.control.roll_back(to, &access.actor).await?))
}

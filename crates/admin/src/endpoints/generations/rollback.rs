//! `POST /api/v1/generations/{number}/rollback`: publishes the fleet of that generation as a new one; with
//! `If-Match: "<generation>"` only from that generation.

use axum::Json;
use axum::extract::State;
use relay_control::generations::RolledBack;

use crate::body::{Id, NoBody};
use crate::caller::Admin;
use crate::conditions::IfMatch;
use crate::error::{ApiError, ApiResult};
use crate::query::Params;
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    Admin(access): Admin,
    Id(id): Id,
    params: Params,
    IfMatch(expected): IfMatch,
    _: NoBody,
) -> ApiResult<Json<RolledBack>> {
    params.none()?;
    let to = id.parse().map_err(|_| ApiError::no_such("generation", &id))?;
    Ok(Json(state.control.roll_back_expecting(&expected, to, &access.actor).await?))
}

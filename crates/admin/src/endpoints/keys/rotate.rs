//! `POST /api/v1/keys/{id}/rotate`: `{overlap?}`, a span such as `"24h"`; answers the new secret, once.

use axum::Json;
use axum::extract::State;
use relay_control::keys::{DEFAULT_OVERLAP, IssuedKey};

use crate::body::{Id, Members, RawBody};
use crate::caller::Admin;
use crate::error::{ApiError, ApiResult};
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    Admin(access): Admin,
    Id(id): Id,
    RawBody(body): RawBody,
) -> ApiResult<Json<IssuedKey>> {
    let mut members = Members::read(&body)?;
    let overlap = members.text("overlap");
    members.finish()?;
    let overlap = overlap.map_or(Ok(DEFAULT_OVERLAP), |text| humantime::parse_duration(&text));
    let overlap = overlap.map_err(|_| ApiError::invalid_field("overlap", "must be a span such as 24h, or 0s"))?;
    Ok(Json(state.control.rotate_key(&id, overlap, &access.actor).await?))
}

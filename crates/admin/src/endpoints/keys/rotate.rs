//! `POST /api/v1/keys/{id}/rotate`: `{overlap?}`, a span such as `"24h"`; answers the new secret, once.

use axum::Json;
use axum::extract::State;
use relay_control::keys::{DEFAULT_OVERLAP, IssuedKey};

use crate::body::{Id, Members, RawBody};
use crate::caller::Admin;
use crate::error::ApiResult;
use crate::query::NoParams;
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    Admin(access): Admin,
    Id(id): Id,
    _: NoParams,
    RawBody(body): RawBody,
) -> ApiResult<Json<IssuedKey>> {
    let mut members = Members::read(&body)?;
    let overlap = members
        .parsed("overlap", |text| humantime::parse_duration(text).map_err(|_| "must be a span such as 24h, or 0s"));
    members.finish()?;
    Ok(Json(state.control.rotate_key(&id, overlap.unwrap_or(DEFAULT_OVERLAP), &access.actor).await?))
}

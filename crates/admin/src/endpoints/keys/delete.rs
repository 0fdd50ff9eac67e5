//! `DELETE /api/v1/keys/{id}`

use axum::extract::State;
use http::StatusCode;

use crate::body::Id;
use crate::caller::Admin;
use crate::error::ApiResult;
use crate::state::AdminState;

pub(crate) async fn handle(State(state): State<AdminState>, Admin(access): Admin, Id(id): Id) -> ApiResult<StatusCode> {
    state.control.delete_key(&id, &access.actor).await?;
    Ok(StatusCode::NO_CONTENT)
}

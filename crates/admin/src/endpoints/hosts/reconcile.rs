//! `POST /api/v1/hosts/{id}/reconcile`: `{since}`: our log joined with the host's bill.

use axum::Json;
use axum::extract::State;
use relay_control::hosts::Reconciled;
use relay_domain::Timestamp;

use crate::body::{Id, Members, RawBody};
use crate::caller::Operator;
use crate::error::{ApiError, ApiResult};
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    Operator(access): Operator,
    Id(id): Id,
    RawBody(body): RawBody,
) -> ApiResult<Json<Reconciled>> {
    let mut members = Members::read(&body)?;
    let since = members.required_text("since");
    members.finish()?;
    let since: Timestamp =
        since.parse().map_err(|_| ApiError::invalid_field("since", "must be a time such as 2026-11-26T00:00:00Z"))?;
    Ok(Json(state.control.reconcile_host(&id, since, &access.actor).await?))
}

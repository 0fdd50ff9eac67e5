//! `POST /api/v1/hosts/{id}/reconcile`: `{since}`: our log joined with the host's bill.

use axum::Json;
use axum::extract::State;
use relay_control::hosts::Reconciled;

use crate::body::{Id, Members, RawBody};
use crate::caller::Operator;
use crate::error::ApiResult;
use crate::query::NoParams;
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    Operator(access): Operator,
    Id(id): Id,
    _: NoParams,
    RawBody(body): RawBody,
) -> ApiResult<Json<Reconciled>> {
    let mut members = Members::read(&body)?;
    let since =
        members.required("since", |text| text.parse().map_err(|_| "must be a time such as 2026-11-26T00:00:00Z"));
    let since = members.finish_with(since)?;
    Ok(Json(state.control.reconcile_host(&id, since, &access.actor).await?))
}

//! `POST /api/v1/hosts/{id}/reconcile`: `{since}`: our log joined with the host's bill.

use axum::Json;
use axum::extract::State;
use relay_control::hosts::Reconciled;
use utoipa::ToSchema;

use crate::caller::Operator;
use crate::error::ApiResult;
use crate::input::WithBody;
use crate::openapi::responses::{Conflict, HostFailed, NotFound};
use crate::state::AdminState;

/// From when on the two sides are joined.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what is read by hand")]
pub(crate) struct ReconcileBody {
    /// A time such as `2026-11-26T00:00:00Z`.
    since: relay_domain::Timestamp,
}

/// Joins the decision log with a host's bill.
#[utoipa::path(
    post,
    path = "/hosts/{host_id}/reconcile",
    operation_id = "reconcileHost",
    tag = "hosts",
    params(("host_id" = String, Path, description = "The host")),
    request_body = ReconcileBody,
    responses((status = 200, description = "The two sides", body = Reconciled), NotFound, Conflict, HostFailed),
    extensions(("x-role" = json!("operator"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    Operator(access): Operator,
    WithBody(mut input): WithBody,
) -> ApiResult<Json<Reconciled>> {
    let id = input.id();
    let body = input.body();
    let since = body.required("since", |text| text.parse().map_err(|_| "must be a time such as 2026-11-26T00:00:00Z"));
    let since = input.finish_with(since)?;
    Ok(Json(state.control.reconcile_host(&id, since, &access.actor).await?))
}

//! `GET /readyz`: whether requests are taken.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::state::AdminState;

/// Whether requests are taken.
#[derive(Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// `ready` or `unready`.
    status: &'static str,
    /// Why not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
}

/// Tells whether requests are taken.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "readyz",
    tag = "probes",
    responses(
        (status = 200, description = "They are", body = Readiness),
        (status = 503, description = "They are not, and why", body = Readiness),
    ),
    security(())
)]
pub(crate) async fn handle(State(state): State<AdminState>) -> (StatusCode, Json<Readiness>) {
    let mut reasons = (state.process.unready)();
    reasons.extend(state.control.unready().await);
    if reasons.is_empty() {
        return (StatusCode::OK, Json(Readiness { status: "ready", reasons }));
    }
    (StatusCode::SERVICE_UNAVAILABLE, Json(Readiness { status: "unready", reasons }))
}

//! `/healthz` (alive) and `/readyz` (can serve), for orchestrators: no token.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde_json::{Value, json};

use crate::state::AdminState;

pub(crate) async fn healthz() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

pub(crate) async fn readyz(State(state): State<AdminState>) -> (StatusCode, Json<Value>) {
    let mut reasons = (state.process.unready)();
    reasons.extend(state.control.unready().await);
    if reasons.is_empty() {
        return (StatusCode::OK, Json(json!({ "status": "ready" })));
    }
    (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "unready", "reasons": reasons })))
}

//! `GET /healthz`: the process is alive.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

/// The process is alive.
#[derive(Serialize, ToSchema)]
pub(crate) struct Alive {
    /// Always `ok`.
    status: &'static str,
}

/// Tells that the process is alive.
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "healthz",
    tag = "probes",
    responses((status = 200, description = "It is", body = Alive)),
    security(())
)]
pub(crate) async fn handle() -> Json<Alive> {
    Json(Alive { status: "ok" })
}

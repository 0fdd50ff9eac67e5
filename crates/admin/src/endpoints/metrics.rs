//! `/metrics`, for Prometheus: no token, as is customary. It names hosts and groups of the
//! fleet, and no consumer; whoever can reach this listener could also try tokens.

use axum::extract::State;
use axum::response::IntoResponse;
use http::header::CONTENT_TYPE;

use crate::state::AdminState;

/// The one format that every scraper reads.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Gives what is counted, for Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "metrics",
    tag = "probes",
    responses((status = 200, description = "The text format of Prometheus", body = String, content_type = "text/plain")),
    security(())
)]
pub(crate) async fn handle(State(state): State<AdminState>) -> impl IntoResponse {
    ([(CONTENT_TYPE, TEXT)], (state.process.scrape)().await)
}

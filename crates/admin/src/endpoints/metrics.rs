//! `/metrics`, for Prometheus: no token, as is customary. It names hosts and groups of the
//! fleet, and no consumer; whoever can reach this listener could also try tokens.

use axum::extract::State;
use axum::response::IntoResponse;
use http::header::CONTENT_TYPE;

use crate::state::AdminState;

/// The one format that every scraper reads.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(crate) async fn handle(State(state): State<AdminState>) -> impl IntoResponse {
    ([(CONTENT_TYPE, TEXT)], (state.process.scrape)().await)
}

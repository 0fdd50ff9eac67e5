//! The three actions (spec §3).

pub(crate) mod proxy_route_chat_completions;
pub(crate) mod resolve_route;
pub(crate) mod route_chat_completions;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use serde::Serialize;

use crate::middleware::X_REQUEST_ID;

/// The answer of an action, under the id that its decision has.
fn answer<T: Serialize>(request_id: &str, answer: T) -> Response {
    let mut response = Json(answer).into_response();
    if let Ok(id) = HeaderValue::try_from(request_id) {
        response.headers_mut().insert(X_REQUEST_ID, id);
    }
    response
}

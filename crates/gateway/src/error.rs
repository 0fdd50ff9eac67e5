//! Every error that is ours, in the shape the surface's clients parse
//! (spec §6). The outside message is written here and never quotes a host.

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

use crate::body::RelayBody;
use crate::request_id::{RequestId, X_REQUEST_ID};

/// An error answer of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GatewayError {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) param: Option<&'static str>,
    pub(crate) retry_after_seconds: Option<u64>,
    /// The request cannot be followed by another on this connection.
    pub(crate) close: bool,
}

#[derive(Serialize)]
struct Shape<'a> {
    error: Inner<'a>,
}

#[derive(Serialize)]
struct Inner<'a> {
    message: &'a str,
    r#type: &'static str,
    param: Option<&'static str>,
    code: &'static str,
}

impl GatewayError {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), param: None, retry_after_seconds: None, close: false }
    }

    pub(crate) fn bad_request(message: impl Into<String>, param: Option<&'static str>) -> Self {
        Self { param, ..Self::new(StatusCode::BAD_REQUEST, "invalid_request", message) }
    }

    pub(crate) fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after_seconds: Some(seconds), ..self }
    }

    pub(crate) fn closing(self) -> Self {
        Self { close: true, ..self }
    }

    /// OpenAI's `type` for a status.
    fn kind(&self) -> &'static str {
        match self.status.as_u16() {
            401 => "authentication_error",
            403 => "permission_error",
            429 => "rate_limit_error",
            400..=499 => "invalid_request_error",
            503 => "service_unavailable_error",
            _ => "server_error",
        }
    }

    /// The body: `{"error":{"message","type","param","code"}}`.
    pub(crate) fn body(&self) -> Bytes {
        let inner = Inner { message: &self.message, r#type: self.kind(), param: self.param, code: self.code };
        serde_json::to_vec(&Shape { error: inner }).unwrap_or_default().into()
    }

    /// The same as a stream event, for clients that already hold a 200.
    pub(crate) fn event(&self) -> Bytes {
        let mut event = b"data: ".to_vec();
        event.extend_from_slice(&self.body());
        event.extend_from_slice(b"\n\n");
        event.into()
    }

    pub(crate) fn response(&self, request_id: &RequestId) -> Response<RelayBody> {
        let mut response = Response::new(RelayBody::full(self.body()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(X_REQUEST_ID, request_id.value());
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if self.close {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_what_openai_clients_parse() {
        let error = GatewayError::bad_request("`stream` must be \"true\"", Some("stream"));
        assert_eq!(
            &error.body()[..],
            br#"{"error":{"message":"`stream` must be \"true\"","type":"invalid_request_error","param":"stream","code":"invalid_request"}}"#
        );
        assert!(error.event().starts_with(b"data: {\"error\":") && error.event().ends_with(b"}\n\n"));
    }
}

//! Request bodies: bytes within the limit, fleet documents, and the one place
//! where a segment of the path is taken.

use std::time::Duration;

use axum::body::HttpBody as _;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt as _;
use relay_control::actions::FieldFault;
use relay_control::fleet_document::FleetDocument;
use serde_json::Value;

use crate::error::ApiError;
use crate::state::AdminState;

/// Largest request body, in bytes (spec §6 has the same for the gateway).
pub(crate) const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;

/// Longest silence inside a body (spec §10).
const BODY_STALL: Duration = Duration::from_secs(30);

/// The whole body.
pub(crate) struct RawBody(pub(crate) Bytes);

/// A fleet document, as JSON or TOML.
pub(crate) struct DocumentBody(pub(crate) FleetDocument);

/// The last segment of the path, percent-decoded.
pub(crate) struct Id(pub(crate) String);

impl FromRequest<AdminState> for RawBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &AdminState) -> Result<Self, ApiError> {
        let too_large = || {
            let message = format!("the body is larger than {MAX_BODY_BYTES} bytes");
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message)
        };
        let mut body = request.into_body();
        if body.size_hint().lower() > MAX_BODY_BYTES as u64 {
            return Err(too_large());
        }
        let mut bytes = BytesMut::new();
        loop {
            let frame = tokio::time::timeout(BODY_STALL, body.frame()).await.map_err(|_| {
                ApiError::new(StatusCode::REQUEST_TIMEOUT, "body_stalled", "the body did not come to its end")
            })?;
            let Some(frame) = frame else { return Ok(Self(bytes.freeze())) };
            let frame = frame.map_err(|_| ApiError::invalid_field("body", "could not be read to its end"))?;
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len() + data.len() > MAX_BODY_BYTES {
                return Err(too_large());
            }
            bytes.extend_from_slice(&data);
        }
    }
}

impl FromRequest<AdminState> for DocumentBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AdminState) -> Result<Self, ApiError> {
        let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_ascii_lowercase();
        let RawBody(body) = RawBody::from_request(request, state).await?;
        let looks_like_json = body.trim_ascii_start().starts_with(b"{");
        let is_toml = content_type.contains("toml") || (!content_type.contains("json") && !looks_like_json);
        if is_toml {
            let text = std::str::from_utf8(&body).map_err(|_| ApiError::invalid_field("body", "is not UTF-8"))?;
            return Ok(Self(FleetDocument::from_toml(text)?));
        }
        let value = serde_json::from_slice(&body)
            .map_err(|error| ApiError::invalid_field("body", format!("is not JSON ({error})")))?;
        Ok(Self(FleetDocument::from_json(value)?))
    }
}

impl FromRequestParts<AdminState> for Id {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AdminState) -> Result<Self, ApiError> {
        let id = Path::<String>::from_request_parts(parts, state).await;
        id.map(|Path(id)| Self(id)).map_err(|_| ApiError::invalid_field("path", "is not UTF-8"))
    }
}

/// Reads an object of required strings; faults are noted all at once.
pub(crate) fn required_strings<const N: usize>(body: &[u8], names: [&str; N]) -> Result<[String; N], ApiError> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| ApiError::invalid_field("body", format!("is not JSON ({error})")))?;
    let Value::Object(fields) = value else { return Err(ApiError::invalid_field("body", "is not a JSON object")) };
    let mut faults = Vec::new();
    let mut fault = |field: &str, message: &str| {
        faults.push(FieldFault { field: field.to_owned(), message: message.to_owned() });
    };
    let texts = names.map(|name| match fields.get(name) {
        Some(Value::String(text)) if !text.trim().is_empty() => text.trim().to_owned(),
        Some(Value::String(_) | Value::Null) | None => {
            fault(name, "is required");
            String::new()
        }
        Some(_) => {
            fault(name, "must be a string");
            String::new()
        }
    });
    for name in fields.keys().filter(|name| !names.contains(&name.as_str())) {
        fault(name, "is unknown");
    }
    if faults.is_empty() { Ok(texts) } else { Err(ApiError::invalid(faults)) }
}

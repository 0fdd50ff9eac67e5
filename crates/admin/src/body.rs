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

/// A JSON object.
pub(crate) struct ObjectBody(pub(crate) serde_json::Map<String, Value>);

/// Nothing, or a JSON object with nothing in it: what would be in it would be ignored.
pub(crate) struct NoBody;

impl FromRequest<AdminState> for NoBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AdminState) -> Result<Self, ApiError> {
        let RawBody(body) = RawBody::from_request(request, state).await?;
        Members::read(&body)?.finish().map(|()| Self)
    }
}

/// The segment of the path that names a thing, percent-decoded.
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
        if body.trim_ascii().is_empty() {
            // As a document it would remove the whole fleet, and is rather a body that was forgotten.
            return Err(ApiError::invalid_field("body", "is empty; send {} where an empty fleet is meant"));
        }
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

impl FromRequest<AdminState> for ObjectBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AdminState) -> Result<Self, ApiError> {
        let RawBody(body) = RawBody::from_request(request, state).await?;
        match serde_json::from_slice(&body) {
            Ok(Value::Object(members)) => Ok(Self(members)),
            _ => Err(ApiError::invalid_field("body", "is not a JSON object")),
        }
    }
}

impl FromRequestParts<AdminState> for Id {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AdminState) -> Result<Self, ApiError> {
        let id = Path::<String>::from_request_parts(parts, state).await;
        id.map(|Path(id)| Self(id)).map_err(|_| ApiError::invalid_field("path", "is not UTF-8"))
    }
}

/// Host, subscription user and group of a grant, percent-decoded.
pub(crate) struct GrantPath(pub(crate) [String; 3]);

impl FromRequestParts<AdminState> for GrantPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AdminState) -> Result<Self, ApiError> {
        let path = Path::<(String, String, String)>::from_request_parts(parts, state).await;
        let Path((host, user, group)) = path.map_err(|_| ApiError::invalid_field("path", "is not UTF-8"))?;
        Ok(Self([host, user, group].map(|text| text.trim().to_owned())))
    }
}

/// The members of a JSON object, taken one by one; faults are noted all at once.
pub(crate) struct Members {
    /// Before the name of a member in a fault: where the object is.
    place: String,
    left: serde_json::Map<String, Value>,
    known: Vec<String>,
    faults: Vec<FieldFault>,
}

impl Members {
    /// Reads the object; an empty body is one without members.
    pub(crate) fn read(body: &[u8]) -> Result<Self, ApiError> {
        let body = if body.trim_ascii().is_empty() { b"{}" } else { body };
        let value: Value = serde_json::from_slice(body)
            .map_err(|error| ApiError::invalid_field("body", format!("is not JSON ({error})")))?;
        let Value::Object(left) = value else { return Err(ApiError::invalid_field("body", "is not a JSON object")) };
        Ok(Self { place: String::new(), left, known: Vec::new(), faults: Vec::new() })
    }

    /// Notes a fault.
    pub(crate) fn fault(&mut self, name: &str, message: &str) {
        self.faults.push(FieldFault { field: format!("{}{name}", self.place), message: message.to_owned() });
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.known.push(name.to_owned());
        self.left.remove(name)
    }

    /// A text, trimmed; `null` and blanks are as good as nothing.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
            Value::Null => None,
            _ => {
                self.fault(name, "must be a string");
                None
            }
        }
    }

    /// A text that must be there.
    pub(crate) fn required_text(&mut self, name: &str) -> String {
        let faults = self.faults.len();
        self.text(name).unwrap_or_else(|| {
            if self.faults.len() == faults {
                self.fault(name, "is required");
            }
            String::new()
        })
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, name: &str) -> Option<bool> {
        match self.take(name)? {
            Value::Bool(flag) => Some(flag),
            Value::Null => None,
            _ => {
                self.fault(name, "must be true or false");
                None
            }
        }
    }

    /// A whole number, zero or more, that must be there.
    pub(crate) fn required_number(&mut self, name: &str) -> Option<u64> {
        let number = self.take(name).as_ref().and_then(Value::as_u64);
        if number.is_none() {
            self.fault(name, "must be a whole number, zero or more");
        }
        number
    }

    /// The entries of an array, each with its place; none when the member is left out.
    fn entries(&mut self, name: &str) -> Vec<(String, Value)> {
        match self.take(name) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(entries)) => {
                entries.into_iter().enumerate().map(|(at, entry)| (format!("{name}[{at}]"), entry)).collect()
            }
            Some(_) => {
                self.fault(name, "must be an array");
                Vec::new()
            }
        }
    }

    /// An array of texts, each read by `parse`.
    pub(crate) fn texts<T, E: std::fmt::Display>(
        &mut self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Vec<T> {
        let mut read = Vec::new();
        for (place, entry) in self.entries(name) {
            match entry.as_str().map(|text| parse(text.trim())) {
                Some(Ok(value)) => read.push(value),
                Some(Err(error)) => self.fault(&place, &error.to_string()),
                None => self.fault(&place, "must be a string"),
            }
        }
        read
    }

    /// An array of objects, each read by `read`.
    pub(crate) fn objects<T>(&mut self, name: &str, read: impl Fn(&mut Self) -> Option<T>) -> Vec<T> {
        let mut found = Vec::new();
        for (place, entry) in self.entries(name) {
            let Value::Object(left) = entry else {
                self.fault(&place, "must be an object");
                continue;
            };
            let mut inner = Self { place: format!("{place}."), left, known: Vec::new(), faults: Vec::new() };
            found.extend(read(&mut inner));
            inner.refuse_unknown();
            self.faults.append(&mut inner.faults);
        }
        found
    }

    /// Whether one of these arrays has an entry.
    pub(crate) fn names_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.left.get(*name).is_some_and(|value| value != &Value::Array(Vec::new())))
    }

    /// A text, read by `parse`.
    pub(crate) fn parsed<T, E: std::fmt::Display>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(name)?;
        parse(&text).map_err(|error| self.fault(name, &error.to_string())).ok()
    }

    /// A text that must be there, read by `parse`.
    pub(crate) fn required<T, E: std::fmt::Display>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let faults = self.faults.len();
        let value = self.parsed(name, parse);
        if value.is_none() && self.faults.len() == faults {
            self.fault(name, "is required");
        }
        value
    }

    /// Refuses what was not taken, and answers what was read when nothing was wrong.
    pub(crate) fn finish_with<T>(self, read: Option<T>) -> Result<T, ApiError> {
        self.finish()?;
        read.ok_or_else(|| ApiError::invalid_field("body", "lacks a required member"))
    }

    /// Refuses what was not taken.
    pub(crate) fn finish(mut self) -> Result<(), ApiError> {
        self.refuse_unknown();
        if self.faults.is_empty() { Ok(()) } else { Err(ApiError::invalid(self.faults)) }
    }

    fn refuse_unknown(&mut self) {
        let known = if self.known.is_empty() { "nothing".to_owned() } else { self.known.join(", ") };
        for name in std::mem::take(&mut self.left).keys() {
            self.fault(name, &format!("is unknown; known here: {known}"));
        }
    }
}

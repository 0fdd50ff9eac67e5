//! Request bodies: the bytes within the limits, and the members of a JSON object, taken one by one.

use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body_util::BodyExt as _;
use relay_control::view::Fields;
use serde_json::Value;

use crate::error::{ApiError, ApiResult};
use crate::faults::FieldFaults;
use crate::json;

/// Largest request body, in bytes (spec §6 has the same for the gateway).
pub(crate) const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;

/// Longest silence inside a body (spec §10).
const BODY_STALL: Duration = Duration::from_secs(30);

const NO_OBJECT: &str = "is not a JSON object";

/// Bytes read at most of a body where none is taken.
const MAX_NO_BODY_BYTES: usize = 4096;

/// Whether there is anything in a body where none is taken; `{}` and blanks are as good as nothing. No more of it is
/// read than that takes, and nothing kept: anybody may send one to an endpoint that needs no token.
pub(crate) async fn is_something(mut body: Body) -> ApiResult<bool> {
    if body.size_hint().lower() > MAX_NO_BODY_BYTES as u64 {
        return Ok(true);
    }
    let (mut read, mut expected) = (0, b"{}".iter());
    while let Some(data) = next(&mut body).await? {
        read += data.len();
        let is_nothing = read <= MAX_NO_BODY_BYTES
            && data.iter().filter(|byte| !byte.is_ascii_whitespace()).all(|byte| expected.next() == Some(byte));
        if !is_nothing {
            return Ok(true);
        }
    }
    // A brace without the other.
    Ok(expected.len() == 1)
}

/// The next bytes.
async fn next(body: &mut Body) -> ApiResult<Option<Bytes>> {
    loop {
        let frame = tokio::time::timeout(BODY_STALL, body.frame()).await.map_err(|_| {
            ApiError::new(StatusCode::REQUEST_TIMEOUT, "body_stalled", "the body did not come to its end")
        })?;
        let Some(frame) = frame else { return Ok(None) };
        let frame = frame.map_err(|_| ApiError::invalid_field("body", "could not be read to its end"))?;
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
}

/// The whole body.
pub(crate) async fn whole(mut body: Body) -> ApiResult<Bytes> {
    let too_large = || {
        let message = format!("the body is larger than {MAX_BODY_BYTES} bytes");
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message)
    };
    if body.size_hint().lower() > MAX_BODY_BYTES as u64 {
        return Err(too_large());
    }
    let mut bytes = BytesMut::new();
    while let Some(data) = next(&mut body).await? {
        if bytes.len() + data.len() > MAX_BODY_BYTES {
            return Err(too_large());
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}

/// The members of a JSON object, taken one by one; faults are noted all at once.
#[derive(Default)]
pub(crate) struct Members {
    /// Before the name of a member in a fault: where the object is.
    place: String,
    /// Whether there was one.
    pub(crate) is_there: bool,
    /// Whether there was something else: nothing is known of its members then.
    is_unreadable: bool,
    left: Fields,
    known: Vec<String>,
    faults: FieldFaults,
}

impl Members {
    /// Reads the object; an empty body is one without members.
    pub(crate) fn read(body: &[u8]) -> Self {
        let mut read = Self::default();
        if body.trim_ascii().is_empty() {
            return read;
        }
        match json::read(body) {
            Ok((Value::Object(members), twice)) => {
                (read.is_there, read.left) = (true, members);
                read.refuse_repeated(&twice);
            }
            Ok(_) => read.refuse(NO_OBJECT),
            Err(error) => read.refuse(&format!("is not JSON ({error})")),
        }
        read
    }

    fn refuse(&mut self, message: &str) {
        self.fault("body", message);
        self.is_unreadable = true;
    }

    /// Those of a body that is read elsewhere.
    pub(crate) fn taken() -> Self {
        Self { is_there: true, ..Self::default() }
    }

    /// Notes members that were given more than once.
    pub(crate) fn refuse_repeated(&mut self, places: &[String]) {
        for place in places {
            self.fault(place, "is given twice");
        }
    }

    /// All members, whichever they are, for who finds their faults; there must be a body.
    pub(crate) fn rest(&mut self) -> Fields {
        if !self.is_there && self.faults.len() == 0 {
            self.fault("body", NO_OBJECT);
        }
        std::mem::take(&mut self.left)
    }

    /// Notes a fault; of a body that cannot be read that is all there is to say.
    pub(crate) fn fault(&mut self, name: &str, message: &str) {
        if self.is_unreadable {
            return;
        }
        self.faults.push(&format!("{}{name}", self.place), message);
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
            let mut inner = Self { place: format!("{place}."), left, ..Self::default() };
            found.extend(read(&mut inner));
            inner.refuse_unknown();
            self.faults.append(inner.faults);
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

    /// All faults; what was not taken is one.
    pub(crate) fn faults(mut self) -> FieldFaults {
        self.refuse_unknown();
        self.faults
    }

    fn refuse_unknown(&mut self) {
        let known = if self.known.is_empty() { "nothing".to_owned() } else { self.known.join(", ") };
        for name in std::mem::take(&mut self.left).keys() {
            if self.faults.is_full() {
                return;
            }
            self.fault(name, &format!("is unknown; known here: {known}"));
        }
    }
}

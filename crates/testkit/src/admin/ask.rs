//! A request as handlers see it, and how they tell what they make of it.

use http::HeaderMap;
use serde_json::Value;

use super::envelope::{handler_error, invalid_request};
use super::panel::FakePanel;
use crate::reply::Reply;
use crate::wire_query::query_value;

/// What a handler comes to: data, or an answer that is no success.
pub(super) type Outcome = Result<Value, Box<Reply>>;

/// A handler.
pub(super) type Handler = fn(&mut FakePanel, &Ask<'_>) -> Outcome;

/// A request whose caller has been let in.
pub(super) struct Ask<'a> {
    /// What stands behind `/api/v1/`, in segments.
    pub(super) segments: Vec<&'a str>,
    pub(super) query: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) raw_body: &'a [u8],
    /// The user who calls; the first administrator for an admin key.
    pub(super) caller: i64,
    /// By admin key, and not by a session.
    pub(super) by_admin_key: bool,
}

impl Ask<'_> {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(super) fn param(&self, name: &str) -> Option<String> {
        query_value(self.query, name)
    }

    /// An id in the path; `what` is in the host's words ("group", "API key").
    pub(super) fn id(&self, at: usize, what: &str) -> Result<i64, Box<Reply>> {
        let id = self.segments.get(at).and_then(|segment| segment.parse().ok());
        id.ok_or_else(|| handler_error(400, &format!("Invalid {what} ID"), None))
    }

    /// The JSON body.
    pub(super) fn body(&self) -> Result<Value, Box<Reply>> {
        if self.raw_body.is_empty() {
            return Err(invalid_request("EOF"));
        }
        serde_json::from_slice(self.raw_body).map_err(|_| invalid_request("invalid character in literal"))
    }
}

/// A field of a body as text; absent and empty are the same to the host.
pub(super) fn text<'a>(body: &'a Value, name: &str) -> Option<&'a str> {
    body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// A field of a body as a number.
pub(super) fn number(body: &Value, name: &str) -> Option<i64> {
    body.get(name).and_then(Value::as_i64)
}

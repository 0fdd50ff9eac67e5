//! What the tests of all surfaces share.

use bytes::Bytes;

use super::reading::Reading;
use super::{Call, Dialect, Envelope, EnvelopeError, Meaning, Request, sse};

/// The facts of a request with this body.
pub(crate) fn envelope(dialect: &'static Dialect, body: &str) -> Result<Envelope, EnvelopeError> {
    let body = Bytes::copy_from_slice(body.as_bytes());
    Request { call: &Call::plain(dialect), path: "", body: &body }.read()
}

/// One event read.
pub(crate) fn event(dialect: &Dialect, event: &str) -> Reading {
    dialect.event(event.as_bytes(), &sse::fields(event.as_bytes()))
}

/// What one event means.
pub(crate) fn meaning(dialect: &Dialect, text: &str) -> Meaning {
    event(dialect, text).meaning
}

//! A whole answer, ready to be written.

use std::cell::RefCell;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::StatusCode;
use relay_domain::Timestamp;
use relay_http1::ResponseHeadWriter;

use crate::request_id::RequestId;

/// Head and body; the connection adds the length.
pub(crate) struct Reply {
    pub(crate) head: ResponseHeadWriter,
    pub(crate) body: Bytes,
    /// No other request may follow on this connection.
    pub(crate) closes: bool,
}

impl Reply {
    /// A JSON text.
    pub(crate) fn json(status: StatusCode, id: &RequestId, now: Timestamp, body: Bytes) -> Self {
        let mut head = head(status, id, now);
        head.field("content-type", "application/json");
        Self { head, body, closes: false }
    }
}

/// What every head of ours begins with.
pub(crate) fn head(status: StatusCode, id: &RequestId, now: Timestamp) -> ResponseHeadWriter {
    let mut head = ResponseHeadWriter::new(status.as_u16(), status.canonical_reason().unwrap_or_default());
    head.field("x-request-id", id.as_str());
    with_date(now, |date| head.field("date", date));
    head
}

/// The date as HTTP writes it (RFC 9110 §6.6.1), made once a second.
fn with_date(now: Timestamp, write: impl FnOnce(&str)) {
    thread_local! {
        static LAST: RefCell<(i64, String)> = const { RefCell::new((i64::MIN, String::new())) };
    }
    LAST.with_borrow_mut(|(second, text)| {
        if *second != now.as_second() {
            *second = now.as_second();
            let since = Duration::from_secs(u64::try_from(*second).unwrap_or_default());
            *text = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + since);
        }
        write(text);
    });
}

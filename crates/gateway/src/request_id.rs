//! `X-Request-ID`: the client's when it is safe to repeat, else one of ours.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use relay_domain::Timestamp;
use uuid::Uuid;

/// The header, in both directions.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id taken from a client (spec §6; hosts echo no more, sub2api-host-api.md §4.5).
const MAX_BYTES: usize = 64;

/// A request's id, as text and as a header value.
#[derive(Clone, Debug)]
pub(crate) struct RequestId {
    text: Arc<str>,
    value: HeaderValue,
}

impl RequestId {
    /// The client's id if it is 1 to 64 letters, digits or `. _ - :`; a new
    /// time-ordered one otherwise.
    pub(crate) fn of(headers: &HeaderMap, now: Timestamp) -> Self {
        if let Some(value) = headers.get(X_REQUEST_ID)
            && let Ok(text) = value.to_str()
            && is_safe(text)
        {
            return Self { text: text.into(), value: value.clone() };
        }
        let mut buffer = Uuid::encode_buffer();
        let text = &*time_ordered(now).simple().encode_lower(&mut buffer);
        // Hexadecimal digits are always a header value.
        let value = HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""));
        Self { text: text.into(), value }
    }

    pub(crate) fn shared(&self) -> Arc<str> {
        Arc::clone(&self.text)
    }

    pub(crate) fn value(&self) -> HeaderValue {
        self.value.clone()
    }
}

/// A version 7 UUID from the thread's own generator: the system's would cost a
/// call for every request.
fn time_ordered(now: Timestamp) -> Uuid {
    let millis = u64::try_from(now.as_millisecond()).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, &rand::random()).into_uuid()
}

fn is_safe(text: &str) -> bool {
    (1..=MAX_BYTES).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_for(client: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(X_REQUEST_ID, HeaderValue::from_bytes(client.as_bytes()).unwrap());
        RequestId::of(&headers, Timestamp::UNIX_EPOCH).text.to_string()
    }

    #[test]
    fn a_safe_client_id_is_kept_and_any_other_replaced() {
        assert_eq!(id_for("trace-1.2:3_4"), "trace-1.2:3_4");
        for unsafe_id in ["", "has space", "semi;colon", "ümlaut", &"x".repeat(65)] {
            let id = id_for(unsafe_id);
            assert!(id != unsafe_id && is_safe(&id), "{unsafe_id} -> {id}");
        }
    }
}

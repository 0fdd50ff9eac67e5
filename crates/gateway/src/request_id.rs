//! `X-Request-ID`: the client's when it is safe to repeat, else one of ours.

use std::sync::Arc;

use relay_domain::Timestamp;
use relay_http1::Fields;
use uuid::Uuid;

/// The header, in both directions.
pub(crate) const X_REQUEST_ID: &str = "x-request-id";

/// Longest id taken from a client (spec §6; hosts echo no more, sub2api-host-api.md §4.5).
const MAX_BYTES: usize = 64;

/// A request's id.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(Arc<str>);

impl RequestId {
    /// The client's id if it is 1 to 64 letters, digits or `. _ - :`; a new
    /// time-ordered one otherwise.
    pub(crate) fn of(fields: &Fields, now: Timestamp) -> Self {
        match fields.text(X_REQUEST_ID).filter(|text| is_safe(text)) {
            Some(text) => Self(text.into()),
            None => Self::new(now),
        }
    }

    /// A new time-ordered id.
    pub(crate) fn new(now: Timestamp) -> Self {
        Self((&*time_ordered(now).simple().encode_lower(&mut Uuid::encode_buffer())).into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
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
        RequestId::of(&Fields::from_pairs([("X-Request-ID", client)]), Timestamp::UNIX_EPOCH).as_str().to_owned()
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

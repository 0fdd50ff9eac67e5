//! Who made a stored response: the hard binding of `previous_response_id` (spec §4).

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use relay_domain::{HostId, RouteId, Timestamp};

/// The only host and credential that can continue a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseOwner {
    /// The host that made it.
    pub host_id: HostId,
    /// The route it came over.
    pub route_id: RouteId,
    /// Identity of the credential it was made with; never the credential.
    pub credential: Arc<str>,
    /// From then on nobody can continue it.
    pub expires_at: Timestamp,
}

impl ResponseOwner {
    /// How long hosts keep a response (sub2api-host-api.md §5.1).
    pub const TTL: Duration = Duration::from_hours(1);

    /// The owner of a response that passed at `now`.
    pub fn new(host_id: HostId, route_id: RouteId, credential: Arc<str>, now: Timestamp) -> Self {
        let span = SignedDuration::try_from(Self::TTL).unwrap_or(SignedDuration::MAX);
        let expires_at = now.checked_add(span).unwrap_or(Timestamp::MAX);
        Self { host_id, route_id, credential, expires_at }
    }

    /// Whether it still counts at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }
}

/// What a response is kept under: a hash of consumer and id, so that one
/// consumer's id never leads to another's host, and no id is stored.
pub(crate) fn response_key(consumer: &str, response_id: &str) -> u128 {
    let mut hasher = blake3::Hasher::new_derive_key("relay-manager 2026-10 response owner");
    for part in [consumer, response_id] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    u128::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_pairs_share_a_key() {
        assert_ne!(response_key("a", "bc"), response_key("ab", "c"));
        assert_ne!(response_key("a", "resp_1"), response_key("b", "resp_1"));
        assert_eq!(response_key("a", "resp_1"), response_key("a", "resp_1"));
    }
}

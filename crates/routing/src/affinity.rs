//! Keeping a conversation where its prompt cache is: sticky keys and bindings (spec §4).
//!
//! A binding is a preference. It counts while its route is in the pool that the
//! present generation gives for the model, on the same host, and eligible.
//! Bindings are kept elsewhere; here is what they say and whether they still count.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;
use relay_domain::{Failback, Group, HostId, RouteId, Scope, Timestamp};

use crate::{Pool, RouteIndex, Snapshot};

/// The secret under which subjects are hashed. All replicas share it: with
/// another one every conversation would look new.
#[derive(Clone)]
pub struct StickySecret(pub [u8; 32]);

impl fmt::Debug for StickySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StickySecret(…)")
    }
}

/// Names a (consumer, group, model, scope, subject) without giving the subject
/// back. Written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StickyKey(u128);

impl StickyKey {
    /// The key as it is stored.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// The key as it was stored.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }

    /// The subject's half of the rendezvous score.
    pub(crate) fn subject(self) -> u64 {
        (self.0 >> 64) as u64
    }
}

impl fmt::Display for StickyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for StickyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StickyKey({self})")
    }
}

/// The text is not 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 32 hexadecimal digits")]
pub struct NotAStickyKey;

impl FromStr for StickyKey {
    type Err = NotAStickyKey;

    fn from_str(text: &str) -> Result<Self, NotAStickyKey> {
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(NotAStickyKey);
        }
        u128::from_str_radix(text, 16).map(Self).map_err(|_| NotAStickyKey)
    }
}

/// The sticky key of a subject: keyed BLAKE3 over length-prefixed parts, so that no
/// two tuples look alike, and nobody without the secret can try subjects out.
pub fn sticky_key(
    secret: &StickySecret,
    consumer: &str,
    group: &str,
    model: &str,
    scope: Scope,
    subject: &str,
) -> StickyKey {
    let mut hasher = blake3::Hasher::new_keyed(&secret.0);
    for part in [consumer, group, model, scope.as_str(), subject] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    StickyKey::from_bytes(bytes)
}

/// The remembered route of a sticky key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The route.
    pub route_id: RouteId,
    /// The host it had when it was bound: where the prompt cache is. A route that
    /// has been pointed at another host since is not what was bound.
    pub host_id: HostId,
    /// When this route was bound.
    pub bound_at: Timestamp,
    /// From then on there is no binding.
    pub expires_at: Timestamp,
    /// When it was last used, as far as it was written down (see [`crate::settlement`]).
    pub last_used_at: Timestamp,
    /// It was not bound to its home (see [`crate::Plan::home`]): fail-back may return it.
    pub moved: bool,
}

/// What became of the binding that a request brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindingState {
    /// There is none, or the scope is `none`.
    Absent,
    /// It has run out.
    Expired,
    /// Its route is not in the model's pool any more, or has another host.
    Gone,
    /// It was moved away from its home, and by the group's fail-back it may return.
    /// Its route competes like any other.
    Returning(RouteIndex),
    /// It counts, if its route is eligible.
    Counts(RouteIndex),
}

impl BindingState {
    /// The label used in explanations.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Expired => "expired",
            Self::Gone => "gone",
            Self::Returning(_) => "returning",
            Self::Counts(_) => "counts",
        }
    }

    /// The bound route, while it is in the pool: a drained route keeps it.
    pub fn route(self) -> Option<RouteIndex> {
        match self {
            Self::Returning(route) | Self::Counts(route) => Some(route),
            Self::Absent | Self::Expired | Self::Gone => None,
        }
    }

    pub(crate) fn judge(snapshot: &Snapshot, pool: &Pool<'_>, binding: Option<&Binding>, now: Timestamp) -> Self {
        let Some(binding) = binding else { return Self::Absent };
        if binding.expires_at <= now {
            return Self::Expired;
        }
        let is_bound = |index: &&RouteIndex| {
            let route = &snapshot.route(**index).route;
            route.id == binding.route_id && route.host == binding.host_id
        };
        match pool.routes.iter().find(is_bound) {
            None => Self::Gone,
            Some(route) if may_return(pool.group, binding, now) => Self::Returning(*route),
            Some(route) => Self::Counts(*route),
        }
    }
}

fn may_return(group: &Group, binding: &Binding, now: Timestamp) -> bool {
    binding.moved
        && match group.failback {
            Failback::Never => false,
            Failback::Idle => now >= after(binding.last_used_at, Failback::IDLE),
            Failback::Ttl => now >= after(binding.bound_at, group.sticky.ttl),
        }
}

/// `start` + `span`, or the end of time.
pub(crate) fn after(start: Timestamp, span: Duration) -> Timestamp {
    SignedDuration::try_from(span).ok().and_then(|span| start.checked_add(span).ok()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: StickySecret = StickySecret([7; 32]);

    fn key(parts: [&str; 3], scope: Scope, subject: &str) -> StickyKey {
        sticky_key(&SECRET, parts[0], parts[1], parts[2], scope, subject)
    }

    #[test]
    fn no_two_tuples_share_a_key() {
        let keys = [
            key(["a", "b", "c"], Scope::User, "d"),
            key(["ab", "", "c"], Scope::User, "d"),
            key(["a", "bc", ""], Scope::User, "d"),
            key(["", "a", "bc"], Scope::User, "d"),
            key(["a", "b", "c"], Scope::Conversation, "d"),
            key(["a", "b", "cd"], Scope::User, ""),
            sticky_key(&StickySecret([8; 32]), "a", "b", "c", Scope::User, "d"),
        ];
        let unique: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(unique.len(), keys.len());
    }

    #[test]
    fn a_key_is_short_opaque_and_stable() {
        let key = key(["team-a", "gpt", "gpt-5"], Scope::Conversation, "thread-1");
        assert_eq!(key.to_string(), "22cbc80a241b8ca2f4f90e9527197f70");
        assert_eq!(key.to_string().parse(), Ok(key));
        assert_eq!(StickyKey::from_bytes(key.to_bytes()), key);
        assert!(!format!("{SECRET:?}").contains('7'));
    }

    #[test]
    fn what_is_not_a_key_is_refused() {
        for text in ["", "0", "+0000000000000000000000000000001", "000000000000000000000000000000zz", &"0".repeat(33)] {
            assert_eq!(text.parse::<StickyKey>(), Err(NotAStickyKey), "{text}");
        }
    }

    #[test]
    fn the_end_of_time_is_not_passed() {
        assert_eq!(after(Timestamp::UNIX_EPOCH, Duration::MAX), Timestamp::MAX);
    }
}

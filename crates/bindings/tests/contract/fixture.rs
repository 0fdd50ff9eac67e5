//! Bindings to test with.

use relay_bindings::BindingEntry;
use relay_domain::{GroupId, HostId, KeyId, RouteId, Scope, Timestamp};
use relay_routing::{Binding, StickyKey};

/// The TTL of bindings made here, in seconds.
pub(crate) const TTL: i64 = 3_600;

/// `seconds` after a fixed beginning, and some microseconds to lose.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_microsecond(1_790_000_000_123_457 + seconds * 1_000_000).unwrap()
}

/// The `n`th key: spread over all keys, and in no order.
pub(crate) fn key(n: u64) -> StickyKey {
    StickyKey::from_bytes(u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes())
}

/// Bound to `route` on `tokyo-1` at second `now`.
pub(crate) fn binding(route: &str, now: i64) -> Binding {
    Binding {
        route_id: RouteId::new(route).unwrap(),
        host_id: HostId::new("tokyo-1").unwrap(),
        bound_at: at(now),
        expires_at: at(now + TTL),
        last_used_at: at(now),
        moved: false,
    }
}

/// The `n`th key, bound to `route`.
pub(crate) fn entry(n: u64, route: &str, now: i64) -> BindingEntry {
    BindingEntry {
        key: key(n),
        consumer: Some(consumer("team-a")),
        group: GroupId::new("gpt").unwrap(),
        model: "gpt-5".into(),
        scope: Scope::Conversation,
        binding: binding(route, now),
    }
}

pub(crate) fn consumer(id: &str) -> KeyId {
    KeyId::new(id).unwrap()
}

//! Promises about single bindings, their expiry and their bound.

use std::sync::Arc;

use relay_domain::{HostId, Scope};
use relay_routing::Binding;

use crate::Engine;
use crate::fixture::{TTL, at, binding, entry, key};

pub(crate) async fn a_binding_is_found_until_it_expires<E: Engine>() {
    let store = E::open(10);
    assert_eq!(store.lookup(&key(1), at(0)).await, None);
    store.put(entry(1, "a", 0)).await;
    assert_eq!(store.lookup(&key(1), at(0)).await, Some(binding("a", 0)));
    assert_eq!(store.lookup(&key(1), at(TTL - 1)).await, Some(binding("a", 0)));
    assert_eq!(store.lookup(&key(2), at(0)).await, None);
}

pub(crate) async fn what_has_expired_by_the_callers_clock_is_not_there<E: Engine>() {
    let store = E::open(10);
    // Long ago by the machine's clock or far ahead of it: only the caller's counts.
    for start in [-1_000_000_000, 0, 1_000_000_000] {
        store.put(entry(1, "a", start)).await;
        assert_eq!(store.lookup(&key(1), at(start)).await, Some(binding("a", start)));
        assert_eq!(store.lookup(&key(1), at(start + TTL)).await, None, "gone at the very moment");
    }
}

pub(crate) async fn a_put_replaces_what_is_there<E: Engine>() {
    let store = E::open(10);
    store.put(entry(1, "a", 0)).await;
    let mut moved = entry(1, "b", 5);
    moved.binding.moved = true;
    store.put(moved.clone()).await;
    assert_eq!(store.lookup(&key(1), at(5)).await, Some(moved.binding));
    assert_eq!(store.count().await, 1);
}

pub(crate) async fn parallel_first_requests_bind_once<E: Engine>() {
    let store = E::open(1_000);
    for round in 0..50 {
        let requests: Vec<_> = (0..8)
            .map(|n| {
                let store = Arc::clone(&store);
                tokio::spawn(async move { store.bind_if_absent(entry(round, &format!("route-{n}"), 0), at(0)).await })
            })
            .collect();
        let mut bound = Vec::new();
        for request in requests {
            bound.push(request.await.unwrap());
        }
        let decided = store.lookup(&key(round), at(0)).await;
        assert_eq!(bound.iter().filter(|present| present.is_none()).count(), 1, "{bound:?}");
        assert!(bound.iter().flatten().all(|present| Some(present) == decided.as_ref()), "{bound:?}");
    }
}

pub(crate) async fn an_expired_binding_is_no_obstacle_to_a_new_one<E: Engine>() {
    let store = E::open(10);
    assert_eq!(store.bind_if_absent(entry(1, "a", 0), at(0)).await, None);
    assert_eq!(store.bind_if_absent(entry(1, "b", 1), at(1)).await, Some(binding("a", 0)));
    assert_eq!(store.bind_if_absent(entry(1, "b", TTL), at(TTL)).await, None);
    assert_eq!(store.lookup(&key(1), at(TTL)).await, Some(binding("b", TTL)));
}

pub(crate) async fn a_touch_refreshes_and_never_shortens<E: Engine>() {
    let store = E::open(10);
    store.put(entry(1, "a", 0)).await;
    let later = |seconds| Binding { expires_at: at(seconds + TTL), last_used_at: at(seconds), ..binding("a", 0) };
    assert!(store.touch(&key(1), &later(20)).await);
    assert!(store.touch(&key(1), &later(10)).await, "a slower request of the same conversation");
    assert_eq!(store.lookup(&key(1), at(20)).await, Some(later(20)));
    // However often it is touched, the last use is exact.
    for second in 21..40 {
        store.touch(&key(1), &later(second)).await;
    }
    assert_eq!(store.lookup(&key(1), at(40)).await, Some(later(39)));
    assert_eq!(store.lookup(&key(1), at(TTL + 1)).await, Some(later(39)));
}

pub(crate) async fn a_touch_does_not_bring_back_what_is_gone_or_moved<E: Engine>() {
    let store = E::open(10);
    assert!(!store.touch(&key(1), &binding("a", 0)).await);
    assert_eq!(store.lookup(&key(1), at(0)).await, None);
    store.put(entry(1, "b", 0)).await;
    assert!(!store.touch(&key(1), &binding("a", 9)).await);
    let elsewhere = Binding { host_id: HostId::new("osaka-1").unwrap(), ..binding("b", 9) };
    assert!(!store.touch(&key(1), &elsewhere).await);
    assert_eq!(store.lookup(&key(1), at(0)).await, Some(binding("b", 0)));
}

pub(crate) async fn the_least_recently_used_go_first_when_the_table_is_full<E: Engine>() {
    let store = E::open(4);
    for n in 0..4 {
        store.put(entry(n, "a", 0)).await;
    }
    store.lookup(&key(0), at(0)).await;
    store.touch(&key(1), &binding("a", 1)).await;
    store.put(entry(2, "b", 0)).await;
    store.put(entry(4, "a", 0)).await;
    store.bind_if_absent(entry(5, "a", 0), at(0)).await;
    let mut left = Vec::new();
    for n in 0..6 {
        if store.lookup(&key(n), at(0)).await.is_some() {
            left.push(n);
        }
    }
    assert_eq!(left, [1, 2, 4, 5], "3 was never used again, 0 was used before 1 and 2");
    assert_eq!(store.count().await, 4);
}

pub(crate) async fn a_large_table_stays_within_its_bound<E: Engine>() {
    const CAPACITY: u64 = 70_000;
    let store = E::open(CAPACITY as usize);
    let mut template = entry(0, "a", 0);
    template.scope = Scope::User;
    for n in 0..CAPACITY * 2 {
        store.put(relay_bindings::BindingEntry { key: key(n), ..template.clone() }).await;
    }
    let count = store.count().await;
    assert!(count <= CAPACITY && count > CAPACITY * 9 / 10, "{count}");
    assert!(store.lookup(&key(CAPACITY * 2 - 1), at(0)).await.is_some());
    assert!(store.lookup(&key(0), at(0)).await.is_none());
}

pub(crate) async fn a_sweep_removes_what_has_expired<E: Engine>() {
    let store = E::open(10);
    store.put(entry(1, "a", 0)).await;
    store.put(entry(2, "a", 10)).await;
    assert_eq!(store.sweep(at(TTL)).await, 1);
    assert_eq!(store.count().await, 1);
    assert!(store.lookup(&key(2), at(TTL)).await.is_some());
}

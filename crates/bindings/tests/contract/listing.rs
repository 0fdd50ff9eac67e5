//! Promises about lists and purges.

use std::collections::BTreeSet;

use relay_bindings::{BindingEntry, BindingFilter, BindingStore};
use relay_domain::{GroupId, HostId, RouteId};

use crate::Engine;
use crate::fixture::{TTL, at, consumer, entry, key};

async fn pages(store: &dyn BindingStore, filter: &BindingFilter, limit: usize, now: i64) -> Vec<BindingEntry> {
    let mut all = Vec::new();
    let mut cursor = None;
    loop {
        let page = store.list(filter, cursor, limit, at(now)).await;
        assert!(page.items.len() <= limit);
        all.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            return all;
        }
    }
}

pub(crate) async fn pages_cover_every_live_binding_once_in_order<E: Engine>() {
    for (capacity, entries) in [(1_000, 100), (100_000, 2_000)] {
        let store = E::open(capacity);
        let mut expected = BTreeSet::new();
        for n in 0..entries {
            store.put(entry(n, "a", if n % 10 == 0 { -TTL } else { 0 })).await;
            if n % 10 != 0 {
                expected.insert(key(n));
            }
        }
        for limit in [1, 7, 90, 5_000] {
            let listed: Vec<_> = pages(&**store, &BindingFilter::default(), limit, 0).await;
            assert!(listed.iter().map(|entry| &entry.key).eq(expected.iter()), "pages of {limit} of {entries}");
        }
    }
    let store = E::open(10);
    assert_eq!(store.list(&BindingFilter::default(), None, 10, at(0)).await, relay_bindings::BindingPage::default());
}

pub(crate) async fn a_page_survives_changes_between_pages<E: Engine>() {
    let store = E::open(1_000);
    for n in 0..100 {
        store.put(entry(n, "a", 0)).await;
    }
    let first = store.list(&BindingFilter::default(), None, 50, at(0)).await;
    let cursor = first.next.unwrap();
    let at_cursor = BindingFilter { sticky_key: Some(cursor), ..BindingFilter::default() };
    assert_eq!(store.purge(&at_cursor).await, 1, "the very entry that the cursor names");
    let second = store.list(&BindingFilter::default(), Some(cursor), 100, at(0)).await;
    assert_eq!((second.items.len(), second.next), (50, None));
    assert!(second.items.iter().all(|entry| entry.key > cursor));
}

/// Entries that each differ from the first in one field, and the filters that
/// admit all but that one.
fn varied() -> (Vec<BindingEntry>, Vec<BindingFilter>) {
    let mut entries: Vec<_> = (0..6).map(|n| entry(n, "a", 0)).collect();
    entries[1].consumer = Some(consumer("team-b"));
    entries[2].group = GroupId::new("claude").unwrap();
    entries[3].model = "gpt-5-mini".into();
    entries[4].binding.route_id = RouteId::new("b").unwrap();
    entries[5].binding.host_id = HostId::new("osaka-1").unwrap();
    let none = BindingFilter::default;
    let filters = vec![
        BindingFilter { consumer: Some(consumer("team-b")), ..none() },
        BindingFilter { group: Some(GroupId::new("claude").unwrap()), ..none() },
        BindingFilter { model: Some("gpt-5-mini".into()), ..none() },
        BindingFilter { route_id: Some(RouteId::new("b").unwrap()), ..none() },
        BindingFilter { host_id: Some(HostId::new("osaka-1").unwrap()), ..none() },
        BindingFilter { sticky_key: Some(key(0)), ..none() },
    ];
    (entries, filters)
}

/// The entries that the `n`th filter of [`varied`] admits.
fn admitted(n: usize) -> usize {
    if n == 5 { 0 } else { n + 1 }
}

pub(crate) async fn each_field_filters_a_listing<E: Engine>() {
    for capacity in [100, 100_000] {
        let store = E::open(capacity);
        let (entries, filters) = varied();
        for entry in &entries {
            store.put(entry.clone()).await;
        }
        for (n, filter) in filters.iter().enumerate() {
            assert_eq!(pages(&**store, filter, 10, 0).await, [entries[admitted(n)].clone()], "{filter:?}");
        }
        let both = BindingFilter { consumer: Some(consumer("team-b")), ..filters[1].clone() };
        assert_eq!(pages(&**store, &both, 10, 0).await, [], "all fields must hold");
    }
}

pub(crate) async fn each_field_filters_a_purge<E: Engine>() {
    let store = E::open(100);
    let (entries, filters) = varied();
    for entry in &entries {
        store.put(entry.clone()).await;
    }
    for (n, filter) in filters.iter().enumerate() {
        assert_eq!(store.purge(filter).await, 1, "{filter:?}");
        assert_eq!(store.lookup(&entries[admitted(n)].key, at(0)).await, None);
        assert_eq!(store.count().await, 5 - n as u64);
    }
}

pub(crate) async fn an_empty_filter_purges_all<E: Engine>() {
    let store = E::open(100);
    for n in 0..20 {
        store.put(entry(n, "a", 0)).await;
    }
    assert_eq!(store.purge(&BindingFilter::default()).await, 20);
    assert_eq!((store.count().await, store.purge(&BindingFilter::default()).await), (0, 0));
}

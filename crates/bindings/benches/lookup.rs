//! What a look-up and a write cost in a table of 100,000 bindings.

use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use criterion::{Criterion, criterion_group, criterion_main};
use relay_bindings::{BindingEntry, BindingStore, MemoryBindings, SqliteBindings};
use relay_domain::{GroupId, HostId, KeyId, RouteId, Scope, Timestamp};
use relay_routing::{Binding, StickyKey};

const ENTRIES: u64 = 100_000;

fn key(n: u64) -> StickyKey {
    // An odd factor spreads the numbers as hashes would be.
    StickyKey::from_bytes(u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes())
}

fn entry(n: u64, template: &BindingEntry) -> BindingEntry {
    BindingEntry { key: key(n), ..template.clone() }
}

/// Runs a future that never waits.
fn now_or_never<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("these engines answer at once"),
    }
}

fn bindings(criterion: &mut Criterion) {
    let binding = Binding {
        route_id: RouteId::new("gpt-tokyo").expect("an id"),
        host_id: HostId::new("tokyo-1").expect("an id"),
        bound_at: Timestamp::UNIX_EPOCH,
        expires_at: Timestamp::MAX,
        last_used_at: Timestamp::UNIX_EPOCH,
        moved: false,
    };
    let template = BindingEntry {
        key: key(0),
        consumer: KeyId::new("team-a").ok(),
        group: GroupId::new("gpt").expect("an id"),
        model: "gpt-5".into(),
        scope: Scope::Conversation,
        binding,
    };
    let directory = tempfile::tempdir().expect("a directory");
    let sqlite = SqliteBindings::open(&directory.path().join("bindings.db"), 1_000_000, Timestamp::UNIX_EPOCH);
    let stores: [Arc<dyn BindingStore>; 2] =
        [Arc::new(MemoryBindings::new(1_000_000)), Arc::new(sqlite.expect("the file opens"))];
    for store in stores {
        for n in 0..ENTRIES {
            now_or_never(store.put(entry(n, &template)));
        }
        let mut n = 0_u64;
        criterion.bench_function(&format!("{}/lookup", store.backend()), |bencher| {
            bencher.iter(|| {
                n = (n + 7_919) % ENTRIES;
                black_box(now_or_never(store.lookup(&key(n), Timestamp::UNIX_EPOCH)))
            });
        });
        criterion.bench_function(&format!("{}/put", store.backend()), |bencher| {
            bencher.iter(|| {
                n = (n + 7_919) % ENTRIES;
                now_or_never(store.put(entry(n, &template)));
            });
        });
    }
}

criterion_group!(benches, bindings);
criterion_main!(benches);

//! What keeping health costs an attempt: asking during planning, the permit, its end.
//!
//! `cargo bench -p relay-health`
#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::hint::black_box;
use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use relay_domain::Timestamp;
use relay_health::{BreakerSettings, CredentialId, FleetHealth};
use relay_routing::HealthView;

#[path = "../tests/fleet/mod.rs"]
mod fleet;

fn attempt(criterion: &mut Criterion) {
    let snapshot = fleet::snapshot(1, 20, 10);
    let health = FleetHealth::new(BreakerSettings::default(), Instant::now());
    let generation = health.generation(&snapshot);
    let credential = CredentialId(1);
    criterion.bench_function("ask for 20 routes", |bencher| {
        bencher.iter(|| {
            let view = generation.at(Instant::now(), Timestamp::UNIX_EPOCH);
            for entry in snapshot.routes().iter().take(20) {
                black_box(view.route(entry, Timestamp::UNIX_EPOCH));
                black_box(view.cooling_until(entry.index, credential));
            }
        });
    });
    let route = snapshot.routes()[0].index;
    criterion.bench_function("permit and answer", |bencher| {
        bencher.iter(|| {
            let now = Instant::now();
            if let Ok(permit) = generation.admit(route, credential, now) {
                permit.answered(now);
            }
        });
    });
}

criterion_group!(benches, attempt);
criterion_main!(benches);

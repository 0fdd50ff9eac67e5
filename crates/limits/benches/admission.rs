//! What limits cost a request: admission, standing and settlement, with every
//! limit on, over one key and over ten thousand.
#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use relay_domain::{Amount, Budget, Limits, Money, Period, Timestamp};
use relay_limits::{Limiter, Now, Used};

fn limits() -> Limits {
    Limits {
        rpm: Some(1_000_000_000),
        tpm: Some(1_000_000_000_000),
        tpd: Some(1_000_000_000_000_000),
        concurrency: Some(1_000),
        budgets: vec![Budget { amount: Amount::Money(Money::from_nanos(i64::MAX)), period: Period::Month }],
    }
}

fn admission(criterion: &mut Criterion) {
    let limits = limits();
    let wall: Timestamp = "2026-11-26T12:00:00Z".parse().expect("a time");
    for keys in [1_usize, 10_000] {
        let mut limiters = vec![Limiter::default(); keys];
        let mut micros = 0;
        criterion.bench_function(&format!("admit, tell and settle, {keys} keys"), |bench| {
            bench.iter(|| {
                micros += 20;
                let now = Now { micros, wall };
                // A stride that visits all keys and helps no cache.
                let limiter = &mut limiters[(micros as usize).wrapping_mul(7_919) % keys];
                let admitted = limiter.admit(&limits, 250, now);
                let standing = limiter.standing(&limits, now);
                limiter.settle(250, 300, Used { tokens: 300, money: Money::from_nanos(450_000) }, wall, now);
                black_box((admitted, standing))
            });
        });
    }
}

criterion_group!(benches, admission);
criterion_main!(benches);

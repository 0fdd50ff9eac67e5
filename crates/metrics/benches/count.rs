//! What it costs to count a request, against reading the clock once.
#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]

use std::hint::black_box;
use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use relay_metrics::{Buckets, Counter, Histogram, Words};

static SPANS: Buckets = Buckets::of_micros(&[
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    120_000_000,
    300_000_000,
]);

fn count(criterion: &mut Criterion) {
    let (counter, histogram, words) = (Counter::new(), Histogram::new(&SPANS), Words::<64>::starting_with("none"));
    criterion.bench_function("counter", |bencher| bencher.iter(|| black_box(&counter).increment()));
    criterion.bench_function("histogram", |bencher| bencher.iter(|| black_box(&histogram).observe(black_box(180_000))));
    criterion.bench_function("first word", |bencher| bencher.iter(|| black_box(&words).number(black_box("none"))));
    criterion.bench_function("clock, to compare", |bencher| bencher.iter(|| black_box(Instant::now())));
}

criterion_group!(benches, count);
criterion_main!(benches);

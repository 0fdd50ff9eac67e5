//! What the log costs: an intent and its outcome, alone and in groups.
//!
//! `cargo bench -p relay-ledger`. Time is from the first intent queued until
//! all are on disk and all outcomes queued; filing goes on behind it. What a
//! request costs in CPU, both threads included: `examples/load.rs`.
#![allow(missing_docs, reason = "criterion's macros make public functions")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use relay_ledger::{Ledger, LedgerOptions, Ticket, Verdict};

#[path = "../tests/support/mod.rs"]
mod support;

fn write(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("makes a directory");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("builds");
    let ledger = Ledger::open(LedgerOptions::new(dir.path()), support::noon()).expect("opens");
    let intent = support::intent("0192f00000007abc8def0123456789ab", support::noon());
    let outcome = support::outcome(Verdict::Complete, support::noon());
    let mut group = criterion.benchmark_group("intent and outcome");
    for batch in [1_usize, 16, 64] {
        group.throughput(Throughput::Elements(batch as u64));
        group.bench_function(format!("in groups of {batch}"), |bencher| {
            bencher.iter(|| {
                runtime.block_on(async {
                    let mut tickets: Vec<Ticket> = Vec::with_capacity(batch);
                    for _ in 0..batch {
                        tickets.push(ledger.intent(intent.clone()).await.expect("is taken"));
                    }
                    for ticket in tickets {
                        ticket.committed().await.expect("is committed");
                        ledger.outcome(ticket.reference(), outcome.clone());
                    }
                });
            });
        });
    }
    group.finish();
    runtime.block_on(ledger.close());
}

criterion_group!(benches, write);
criterion_main!(benches);

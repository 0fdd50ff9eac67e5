//! CPU per request of the whole log, both threads included, at a given rate.
//!
//! `cargo run --release -p relay-ledger --example load -- [requests/s] [seconds] [concurrency]`.
//! The same tasks run once without a log, and that is taken off.
#![allow(clippy::unwrap_used, reason = "a measuring program may stop at any error")]

use std::io::Write as _;
use std::time::{Duration, Instant};

use relay_ledger::{Ledger, LedgerOptions, Verdict};

#[path = "../tests/support/mod.rs"]
mod support;

/// User and system time of this process in microseconds.
fn cpu_us() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks * 10_000.0
}

/// CPU of the log's threads so far, in microseconds.
fn thread_us(name: &str) -> f64 {
    let mut total = 0.0;
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let path = task.unwrap().path();
        if std::fs::read_to_string(path.join("comm")).is_ok_and(|comm| comm.trim() == name) {
            let schedstat = std::fs::read_to_string(path.join("schedstat")).unwrap();
            total += schedstat.split(' ').next().unwrap().parse::<f64>().unwrap() / 1_000.0;
        }
    }
    total
}

async fn run(ledger: Option<&Ledger>, rate: f64, seconds: f64, concurrency: usize) -> (f64, f64, Vec<u64>) {
    let (begun, before) = (Instant::now(), cpu_us());
    let tasks: Vec<_> = (0..concurrency)
        .map(|task| {
            let ledger = ledger.cloned();
            tokio::spawn(async move {
                let mut waits = Vec::new();
                let each = concurrency as f64 / rate;
                let requests = (seconds / each) as u64;
                for request in 0..requests {
                    let due = Duration::from_secs_f64(each * (request as f64 + task as f64 / concurrency as f64));
                    tokio::time::sleep_until((begun + due).into()).await;
                    let id = format!("0192f{request:08x}-7abc-8def-{task:012x}");
                    let intent = support::intent(&id, support::noon());
                    let outcome = support::outcome(Verdict::Complete, support::noon());
                    if let Some(ledger) = &ledger {
                        let queued = Instant::now();
                        let ticket = ledger.intent(intent).await.unwrap();
                        ticket.committed().await.unwrap();
                        waits.push(queued.elapsed().as_micros() as u64);
                        ledger.outcome(ticket.reference(), outcome);
                    }
                }
                (requests, waits)
            })
        })
        .collect();
    let (mut requests, mut waits) = (0, Vec::new());
    for task in tasks {
        let (done, waited) = task.await.unwrap();
        requests += done;
        waits.extend(waited);
    }
    let took = begun.elapsed().as_secs_f64();
    if let Some(ledger) = ledger {
        ledger.settle().await;
    }
    waits.sort_unstable();
    ((cpu_us() - before) / requests as f64, requests as f64 / took, waits)
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<f64>().unwrap());
    let rate = arguments.next().unwrap_or(20_000.0);
    let seconds = arguments.next().unwrap_or(5.0);
    let concurrency = arguments.next().unwrap_or(64.0) as usize;
    let dir = tempfile::tempdir_in(std::env::var("RELAY_BENCH_DIR").unwrap_or_else(|_| "/tmp".to_owned())).unwrap();
    let (idle, _, _) = run(None, rate, seconds, concurrency).await;
    let ledger = Ledger::open(LedgerOptions::new(dir.path()), support::noon()).unwrap();
    let (busy, reached, waits) = run(Some(&ledger), rate, seconds, concurrency).await;
    let requests = ledger.stats().written as f64 / 2.0;
    let (writer, filing) = (thread_us("log-writer") / requests, thread_us("log-filing") / requests);
    let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize];
    let stats = ledger.stats();
    let mut out = std::io::stdout();
    writeln!(
        out,
        "{reached:.0} requests/s: {:.2} us CPU per request for the log ({busy:.2} with, {idle:.2} without), of it \
         {writer:.2} writing and {filing:.2} filing; \
         intent on disk after p50 {} us, p99 {} us, max {} us; {} rows written, {} filed",
        busy - idle,
        at(0.5),
        at(0.99),
        at(1.0),
        stats.written,
        stats.filed
    )
    .unwrap();
    ledger.close().await;
}

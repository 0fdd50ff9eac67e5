//! Pages out of ten million decisions: what a list, a filter and a look-up take.
//!
//! `scripts/bench-decision-pages` runs it. `RELAY_BENCH_ROWS` (10,000,000) and
//! `RELAY_BENCH_DIR` (the temporary directory; some 12 GB at the default) set
//! the size and the place. A directory that holds a log already is measured
//! as it is.
#![allow(clippy::unwrap_used, reason = "a measuring program may stop at any error")]

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use relay_ledger::{Filter, Ledger, LedgerOptions, LedgerReader, ListCursor, Verdict, verify};

#[path = "../tests/support/mod.rs"]
mod support;

const PAGE: usize = 50;
const PAGES: u64 = 200;
/// All rows are of one day, the worst case for a segment.
const DAY: SignedDuration = SignedDuration::from_hours(23);

/// A number that looks random and is the same in every run.
fn scattered(of: u64) -> u64 {
    let mut mixed = of.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// An id of our own: a UUID of version 7. Every tenth request brings one of its client's.
fn request_id(row: u64, rows: u64) -> String {
    if row.is_multiple_of(10) {
        return format!("client-{:016x}", scattered(row));
    }
    let ms = at(row, rows).as_millisecond();
    format!("{:08x}-{:04x}-7{:03x}-8def-{row:012x}", ms >> 16, ms & 0xFFFF, scattered(row) & 0xFFF)
}

fn start() -> Timestamp {
    "2026-11-23T00:00:00Z".parse().unwrap()
}

fn at(row: u64, rows: u64) -> Timestamp {
    start() + SignedDuration::from_micros((DAY.as_micros() * i128::from(row) / i128::from(rows)) as i64)
}

/// Few common values and some rare ones, as traffic has them.
fn skewed(row: u64, salt: u64, values: u64) -> u64 {
    let share = (scattered(row.wrapping_mul(31).wrapping_add(salt)) % 10_000) as f64 / 10_000.0;
    (share * share * values as f64) as u64
}

async fn fill(dir: &Path, rows: u64) {
    let ledger = Ledger::open(LedgerOptions::new(dir), start()).unwrap();
    let template = support::intent("", start());
    let ended = support::outcome(Verdict::Complete, start());
    let shared =
        |prefix: &str, of: u64| -> Vec<Arc<str>> { (0..of).map(|n| Arc::from(format!("{prefix}-{n}"))).collect() };
    let (consumers, models, routes) = (shared("team", 40), shared("model", 20), shared("route", 30));
    let (groups, hosts, sessions) = (shared("group", 6), shared("host", 10), shared("k1:session", 100_000));
    for row in 0..rows {
        let mut intent = template.clone();
        intent.at = at(row, rows);
        intent.request_id = request_id(row, rows);
        // One row in 200,000 is of a consumer, model and host that hardly anybody uses.
        let rare = scattered(row ^ 0xABCD).is_multiple_of(200_000);
        let pick = |from: &[Arc<str>], salt: u64| Arc::clone(&from[skewed(row, salt, from.len() as u64) as usize]);
        intent.consumer = Some(if rare { Arc::from("rare") } else { pick(&consumers, 1) });
        intent.public_model = if rare { Arc::from("rare") } else { pick(&models, 2) };
        intent.logical_group_id = pick(&groups, 3);
        intent.sticky_key = Some(pick(&sessions, 4));
        let mut outcome = ended.clone();
        outcome.at = intent.at + SignedDuration::from_millis((scattered(row) % 60_000) as i64);
        outcome.route_id = Some(pick(&routes, 5));
        outcome.host_id = Some(if rare { Arc::from("rare") } else { pick(&hosts, 6) });
        outcome.verdict = match scattered(row ^ 0x1234) % 1_000 {
            0..970 => Verdict::Complete,
            970..990 => Verdict::ClientGone,
            990..999 => Verdict::Failed,
            _ => Verdict::Truncated,
        };
        let ticket = ledger.intent(intent).await.unwrap();
        ledger.outcome(ticket.reference(), outcome);
        if row % 4_096 == 0 {
            ticket.committed().await.unwrap();
            while ledger.stats().written - ledger.stats().filed > 200_000 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
    ledger.close().await;
}

/// Runs a query many times and tells how long it took.
fn measure(name: &str, mut query: impl FnMut(u64) -> usize) {
    let mut found = 0;
    let mut times: Vec<Duration> = (0..PAGES)
        .map(|run| {
            let begun = Instant::now();
            found += query(run);
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    let ms = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1_000.0;
    let each = found as f64 / PAGES as f64;
    let mut out = std::io::stdout();
    writeln!(
        out,
        "{name:<34} p50 {:7.2} ms   p99 {:7.2} ms   max {:7.2} ms   {each:4.1} rows",
        ms(0.5),
        ms(0.99),
        ms(1.0)
    )
    .unwrap();
}

fn measure_all(reader: &LedgerReader, rows: u64) {
    let text = |text: &str| Some(text.to_owned());
    let all = Filter::default;
    let page = |filter: &Filter, cursor: Option<ListCursor>| reader.list(filter, cursor, PAGE).unwrap();
    measure("first page", |_| page(&all(), None).items.len());
    // A cursor somewhere in the middle, from a page that a time bound led to.
    let deep = |run: u64, filter: Filter| {
        let to = Some(at(scattered(run) % rows, rows));
        page(&Filter { to, ..filter }, None).next_cursor
    };
    let cursors: Vec<_> = (0..PAGES).map(|run| deep(run, all())).collect();
    measure("deep page", |run| page(&all(), cursors[run as usize]).items.len());
    measure("up to a time", |run| {
        page(&Filter { to: Some(at(scattered(run) % rows, rows)), ..all() }, None).items.len()
    });
    let filters = [
        ("consumer", Filter { consumer: text("team-7"), ..all() }),
        ("consumer, rare", Filter { consumer: text("rare"), ..all() }),
        ("logical group", Filter { logical_group_id: text("group-5"), ..all() }),
        ("model", Filter { public_model: text("model-19"), ..all() }),
        ("model, rare", Filter { public_model: text("rare"), ..all() }),
        ("route", Filter { route_id: text("route-29"), ..all() }),
        ("host", Filter { host_id: text("host-9"), ..all() }),
        ("host, rare", Filter { host_id: text("rare"), ..all() }),
        ("binding", Filter { sticky_key: text("k1:session-77777"), ..all() }),
        ("verdict complete", Filter { verdict: text("complete"), ..all() }),
        ("verdict failed", Filter { verdict: text("failed"), ..all() }),
        ("verdict truncated, one consumer", Filter { verdict: text("truncated"), consumer: text("team-7"), ..all() }),
        ("consumer and route", Filter { consumer: text("team-30"), route_id: text("route-29"), ..all() }),
        ("verdict that never was", Filter { verdict: text("idle_cut"), ..all() }),
    ];
    for (name, filter) in filters {
        measure(name, |_| page(&filter, None).items.len());
        let cursors: Vec<_> = (0..PAGES).map(|run| deep(run, filter.clone())).collect();
        measure("  … deep", |run| page(&filter, cursors[run as usize]).items.len());
    }
    let get = |id: &str| usize::from(reader.get(id).unwrap().is_some());
    measure("by request id", |run| get(&request_id(scattered(run) % (rows / 10) * 10 + 1, rows)));
    measure("by a client's request id", |run| get(&request_id(scattered(run) % (rows / 10) * 10, rows)));
    measure("by a request id that is not there", |run| get(&run.to_string()));
}

#[tokio::main]
async fn main() {
    let rows = std::env::var("RELAY_BENCH_ROWS").map_or(10_000_000, |rows| rows.parse().unwrap());
    let dir = std::env::var("RELAY_BENCH_DIR").unwrap();
    let dir = Path::new(&dir);
    let mut out = std::io::stdout();
    if LedgerReader::open(dir).last_seq().unwrap() == 0 {
        let begun = Instant::now();
        fill(dir, rows).await;
        writeln!(out, "{rows} decisions written in {:.0} s", begun.elapsed().as_secs_f64()).unwrap();
    }
    let bytes: u64 = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
    writeln!(out, "{:.2} GB, {:.0} bytes a decision", bytes as f64 / 1e9, bytes as f64 / rows as f64).unwrap();
    measure_all(&LedgerReader::open(dir), rows);
    if std::env::var_os("RELAY_BENCH_VERIFY").is_some() {
        let begun = Instant::now();
        let report = verify(dir).unwrap();
        let seconds = begun.elapsed().as_secs_f64();
        writeln!(out, "verified {} decisions in {seconds:.0} s, clean: {}", report.rows, report.is_clean()).unwrap();
    }
}

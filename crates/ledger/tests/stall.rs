//! A disk that takes nothing more: requests wait, are refused or counted, and nothing queued is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use relay_ledger::{Filter, Ledger, LedgerOptions, OnStall, Stalled, Verdict, verify};

mod support;
use support::{intent, noon, outcome, write};

fn full_disk(dir: &std::path::Path, on_stall: OnStall) -> (Ledger, Arc<AtomicU64>) {
    let capacity = Arc::new(AtomicU64::new(u64::MAX));
    let options = LedgerOptions {
        queue: 4,
        on_stall,
        stall_limit: Duration::from_millis(60),
        capacity: Some(Arc::clone(&capacity)),
        ..LedgerOptions::new(dir.join("log"))
    };
    (Ledger::open(options, noon()).expect("opens"), capacity)
}

#[tokio::test]
async fn a_full_disk_refuses_in_time_and_loses_nothing_queued() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let (ledger, capacity) = full_disk(dir.path(), OnStall::Refuse);
    write(&ledger, "before", noon(), Verdict::Complete).await;
    ledger.settle().await;
    capacity.store(100, Ordering::SeqCst);
    let mut queued = Vec::new();
    for request in 0..4 {
        let ticket = ledger.intent(intent(&format!("full-{request}"), noon())).await.expect("is queued");
        assert_eq!(ticket.committed().await, Err(Stalled));
        ledger.outcome(ticket.reference(), outcome(Verdict::Failed, noon()));
        queued.push(ticket);
    }
    assert_eq!(ledger.intent(intent("too-many", noon())).await.err(), Some(Stalled));
    let stats = ledger.stats();
    assert_eq!((stats.queued, stats.stalled, stats.lost), (4, 5, 0));
    assert!(stats.last_error.is_some() && stats.failing_ms.is_some(), "{stats:?}");
    capacity.store(u64::MAX, Ordering::SeqCst);
    for ticket in &queued {
        while ticket.committed().await.is_err() {}
    }
    write(&ledger, "after", noon(), Verdict::Complete).await;
    ledger.close().await;
    let stats = ledger.stats();
    assert_eq!((stats.written, stats.filed, stats.lost, stats.failing_ms), (12, 12, 0, None));
    let report = verify(&dir.path().join("log")).expect("verifies");
    assert!(report.is_clean(), "{report:?}");
    assert_eq!((report.rows, report.interrupted_count), (6, 0));
}

#[tokio::test]
async fn with_continue_requests_go_on_and_are_counted() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let (ledger, capacity) = full_disk(dir.path(), OnStall::Continue);
    capacity.store(0, Ordering::SeqCst);
    for request in 0..4 {
        let ticket = ledger.intent(intent(&format!("full-{request}"), noon())).await.expect("is queued");
        assert_eq!(ticket.committed().await, Ok(()));
        ledger.outcome(ticket.reference(), outcome(Verdict::Complete, noon()));
    }
    let unlogged = ledger.intent(intent("unlogged", noon())).await.expect("goes on");
    assert_eq!(unlogged.committed().await, Ok(()));
    ledger.outcome(unlogged.reference(), outcome(Verdict::Complete, noon()));
    let stats = ledger.stats();
    // The fifth has neither of its rows; it is known that it went on.
    assert_eq!((stats.continued, stats.lost, stats.stalled), (5, 2, 0));
    capacity.store(u64::MAX, Ordering::SeqCst);
    ledger.close().await;
    let page = ledger.reader().list(&Filter::default(), None, 50).expect("lists");
    assert_eq!(page.items.len(), 4);
}

#[tokio::test]
async fn closing_on_a_dead_disk_ends_and_counts_what_is_lost() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let (ledger, capacity) = full_disk(dir.path(), OnStall::Refuse);
    capacity.store(0, Ordering::SeqCst);
    let ticket = ledger.intent(intent("lost", noon())).await.expect("is queued");
    ledger.close().await;
    assert_eq!(ticket.committed().await, Err(Stalled));
    assert_eq!(ledger.stats().lost, 1);
    assert!(ledger.intent(intent("closed", noon())).await.is_err());
}

#[tokio::test]
async fn rows_that_cannot_be_filed_stay_in_the_journal_until_they_can() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let log = dir.path().join("log");
    let ledger = Ledger::open(LedgerOptions::new(&log), noon()).expect("opens");
    let in_the_way = log.join("decisions-2026-11-23.db");
    std::fs::create_dir(&in_the_way).expect("makes a directory");
    write(&ledger, "unfiled", noon(), Verdict::Complete).await;
    ledger.close().await;
    let stats = ledger.stats();
    assert_eq!((stats.written, stats.filed, stats.lost), (2, 0, 0));
    assert!(stats.last_error.is_some());
    std::fs::remove_dir(&in_the_way).expect("removes");
    let report = verify(&log).expect("verifies");
    assert!(report.is_clean(), "{report:?}");
    assert_eq!((report.rows, report.segments[0].in_journal, report.interrupted_count), (1, 2, 0));
    let ledger = Ledger::open(LedgerOptions::new(&log), noon()).expect("opens");
    assert_eq!(ledger.recovered(), (2, 0));
    assert_eq!(ledger.reader().get("unfiled").expect("reads").expect("is there").verdict, "complete");
    ledger.close().await;
}

//! A process hands its log over to another one while it has requests in flight. The two are two handles here; that they
//! can be two processes is shown by `relay`'s tests on the real binary.

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::ToSpan as _;
use relay_ledger::{Ledger, LedgerOptions, Rollup, RollupFilter, RollupSums, Ticket, Verdict, VerifyReport, verify};

mod support;
use support::{intent, noon, open, outcome, write};

const PATIENCE: Duration = Duration::from_secs(30);

fn verified(dir: &Path) -> VerifyReport {
    let report = verify(&dir.join("log")).expect("verifies");
    assert!(report.is_clean(), "{:?}", report.faults);
    report
}

/// Journals beside the log.
fn beside(dir: &Path) -> usize {
    let names = std::fs::read_dir(dir.join("log")).expect("lists").map(|entry| entry.expect("is one").file_name());
    names.filter(|name| name.to_string_lossy().starts_with("aside-")).count()
}

/// Waits until everything of earlier processes is in the log.
async fn adopted(dir: &Path) {
    let deadline = Instant::now() + PATIENCE;
    while beside(dir) > 0 {
        assert!(Instant::now() < deadline, "the journal beside the log stays");
        tokio::task::yield_now().await;
    }
}

async fn begin(ledger: &Ledger, request_id: &str) -> Ticket {
    let ticket = ledger.intent(intent(request_id, noon())).await.expect("is taken");
    ticket.committed().await.expect("is committed");
    ticket
}

async fn verdict(ledger: &Ledger, request_id: &str) -> String {
    ledger.settle().await;
    let decision = ledger.reader().get(request_id).expect("reads");
    decision.unwrap_or_else(|| panic!("{request_id} is not in the log")).verdict
}

#[tokio::test]
async fn requests_in_flight_at_a_handover_end_in_the_log_of_the_next_process() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let old = open(dir.path());
    write(&old, "before", noon(), Verdict::Complete).await;
    let in_flight = begin(&old, "in-flight").await;
    old.hand_over().await.expect("hands over");
    let new = open(dir.path());
    // Both write now.
    let late = begin(&old, "late").await;
    write(&new, "new", noon(), Verdict::Complete).await;
    assert_eq!(verified(dir.path()).interrupted_count, 0, "what is in flight elsewhere is not interrupted");
    old.outcome(in_flight.reference(), outcome(Verdict::Truncated, noon()));
    old.outcome(late.reference(), outcome(Verdict::ClientGone, noon()));
    old.close().await;
    drop((old, in_flight, late));
    adopted(dir.path()).await;
    for (request, ended) in
        [("before", "complete"), ("in-flight", "truncated"), ("late", "client_gone"), ("new", "complete")]
    {
        assert_eq!(verdict(&new, request).await, ended, "{request}");
    }
    new.close().await;
    let report = verified(dir.path());
    assert_eq!((report.rows, report.interrupted_count, report.beside), (4, 0, 0));
}

#[tokio::test]
async fn what_is_taken_in_is_told_once_and_in_no_sum_before() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let old = open(dir.path());
    let in_flight = begin(&old, "in-flight").await;
    old.hand_over().await.expect("hands over");
    old.outcome(in_flight.reference(), outcome(Verdict::Complete, noon()));
    let late = write(&old, "late", noon(), Verdict::Truncated).await;
    let unended = begin(&old, "unended").await;
    old.close().await;
    drop((old, in_flight, late, unended));

    let new = Ledger::open(LedgerOptions::new(dir.path().join("log")), noon()).expect("opens");
    let (from, to) = (noon() - 1.hour(), noon() + 1.hour());
    let requests = |sums: &[RollupSums]| sums.iter().map(|sums| sums.requests).sum::<i64>();
    let sums = || -> Vec<RollupSums> {
        let rollups = new.reader().rollups(from, to, &RollupFilter::default()).expect("reads");
        rollups.into_iter().map(|rollup| rollup.sums).collect()
    };
    assert_eq!(requests(&sums()), 0);
    let (sender, told) = std::sync::mpsc::channel();
    new.adopt(move |rollup| sender.send(rollup).expect("is received")).expect("begins");
    adopted(dir.path()).await;
    new.settle().await;
    // What nobody ended used nothing that anybody knows.
    assert_eq!(requests(&sums()), 3);
    let told: Vec<Rollup> = told.iter().collect();
    assert_eq!(told.len(), 2);
    for rollup in told {
        assert_eq!((rollup.hour, &*rollup.consumer, &*rollup.logical_group_id), (noon(), "team-a", "gpt"));
        assert_eq!((rollup.sums.input_tokens, rollup.sums.output_tokens, rollup.sums.price_nanos), (1_000, 300, 1_500));
    }
    new.close().await;
}

#[tokio::test]
async fn what_a_process_leaves_unfinished_is_interrupted_when_it_ends() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let old = open(dir.path());
    let first = begin(&old, "first").await;
    old.hand_over().await.expect("hands over");
    let second = begin(&old, "second").await;
    let new = open(dir.path());
    // Gone without a word: the lock of its journal goes with it.
    drop((old, first, second));
    adopted(dir.path()).await;
    for request in ["first", "second"] {
        assert_eq!(verdict(&new, request).await, "interrupted", "{request}");
    }
    new.close().await;
    assert_eq!(verified(dir.path()).interrupted_count, 2);
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_when_nobody_or_two_processes_take_the_rows() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let old = open(dir.path());
    let early = begin(&old, "early").await;
    old.hand_over().await.expect("hands over");
    write(&old, "aside", noon(), Verdict::Complete).await;
    let unfinished = begin(&old, "unfinished").await;
    old.flush();
    // The one that took the log takes what there is, and hands it on in turn.
    let second = open(dir.path());
    let deadline = Instant::now() + PATIENCE;
    while second.reader().get("unfinished").expect("reads").is_none() {
        assert!(Instant::now() < deadline, "the rows are not taken");
        second.settle().await;
    }
    second.hand_over().await.expect("hands over");
    let third = open(dir.path());
    old.outcome(early.reference(), outcome(Verdict::Complete, noon()));
    old.outcome(unfinished.reference(), outcome(Verdict::Complete, noon()));
    old.close().await;
    second.close().await;
    // It dies before it has looked at anything.
    third.close().await;
    drop((old, second, third, early, unfinished));
    assert_eq!(verified(dir.path()).beside, 2);
    let last = open(dir.path());
    adopted(dir.path()).await;
    for request in ["early", "aside", "unfinished"] {
        assert_eq!(verdict(&last, request).await, "complete", "{request}");
    }
    last.close().await;
    assert_eq!(verified(dir.path()).rows, 3);
}

#[tokio::test]
async fn a_journal_beside_the_log_that_was_changed_is_told_of_and_set_aside() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let old = open(dir.path());
    old.hand_over().await.expect("hands over");
    write(&old, "one", noon(), Verdict::Complete).await;
    write(&old, "two", noon(), Verdict::Complete).await;
    old.close().await;
    drop(old);
    let log = dir.path().join("log");
    let path = std::fs::read_dir(&log).expect("lists").map(|entry| entry.expect("is one").path());
    let path = path.into_iter().find(|path| path.to_string_lossy().contains("aside-")).expect("is there");
    let mut bytes = std::fs::read(&path).expect("reads");
    let last = bytes.len() - 40;
    bytes[last] ^= 1;
    std::fs::write(&path, bytes).expect("writes");
    assert_eq!(verify(&log).expect("verifies").fault_count, 1);
    let new = open(dir.path());
    let deadline = Instant::now() + PATIENCE;
    while !path.with_extension("journal.damaged").exists() {
        assert!(Instant::now() < deadline, "it is not set aside");
        tokio::task::yield_now().await;
    }
    assert_eq!(verdict(&new, "one").await, "complete");
    new.close().await;
    assert_eq!(verify(&log).expect("verifies").fault_count, 1);
}

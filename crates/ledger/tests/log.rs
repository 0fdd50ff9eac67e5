//! What is written is what is read; and who may write.

use std::sync::Mutex;
use std::sync::mpsc::Receiver;

use jiff::ToSpan as _;
use relay_ledger::{Filter, Ledger, LedgerOptions, LedgerReader, OpenError, Verdict, verify};

mod support;
use support::{intent, noon, open, outcome, write};

#[tokio::test]
async fn a_decision_is_read_as_it_was_written() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let ledger = open(dir.path());
    write(&ledger, "r-1", noon(), Verdict::Complete).await;
    ledger.settle().await;
    let decision = ledger.reader().get("r-1").expect("reads").expect("is there");
    let json = serde_json::to_value(&decision).expect("serializes");
    assert_eq!(json["at"], "2026-11-23T12:00:00.000000Z");
    assert_eq!(json["seq"], 1);
    assert_eq!(json["segment"], "decisions-2026-11-23");
    assert_eq!(json["writer"].as_str().map(str::len), Some(32));
    assert_eq!(json["verdict"], "complete");
    assert_eq!(json["seed"], u64::MAX - 7);
    assert_eq!(json["usage"]["reasoning"], 0);
    assert_eq!(json["usage"]["cache_write"], serde_json::Value::Null);
    assert_eq!((&json["price_nanos"], &json["cost_nanos"]), (&1_500.into(), &1_234.into()));
    assert_eq!(json["cache_saved_nanos"], -5);
    assert_eq!(json["candidates"][1]["reason"], "cooling down until 12:00:05");
    assert_eq!(json["attempts"][0]["end"], "answered");
    assert_eq!(json["upstream_request_id"], "req_8f7a8c7d6e5f4a3b");
    ledger.close().await;
    let again = LedgerReader::open(dir.path().join("log")).get("r-1").expect("reads").expect("is there");
    assert_eq!(serde_json::to_value(&again).expect("serializes"), json);
    let left: Vec<_> = std::fs::read_dir(dir.path().join("log"))
        .expect("lists")
        .map(|entry| entry.expect("is read").file_name().into_string().expect("is text"))
        .filter(|name| name.ends_with(".journal"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
}

#[tokio::test]
async fn a_request_is_found_whether_its_id_tells_the_time_or_not() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let ledger = open(dir.path());
    let version_7 = |at: jiff::Timestamp| {
        let hex = format!("{:012x}", at.as_millisecond());
        format!("{}-{}-7abc-8def-0123456789ab", &hex[..8], &hex[8..])
    };
    // One tells its time, one tells another day's, and one tells none.
    let ids = [version_7(noon()), version_7(noon() - 500.hours()), "01234567-89ab-4cde-8f01-23456789abcd".to_owned()];
    for id in &ids {
        write(&ledger, id, noon(), Verdict::Complete).await;
    }
    ledger.settle().await;
    for id in &ids {
        assert_eq!(&ledger.reader().get(id).expect("reads").expect("is there").request_id, id);
    }
    assert!(ledger.reader().get(&version_7(noon() + 1.second())).expect("reads").is_none());
    ledger.close().await;
}

#[tokio::test]
async fn a_request_in_flight_is_open_and_its_outcome_may_be_queued_before_its_commit() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let ledger = open(dir.path());
    let first = ledger.intent(intent("r-1", noon())).await.expect("is taken");
    let second = ledger.intent(intent("r-2", noon())).await.expect("is taken");
    ledger.outcome(second.reference(), outcome(Verdict::ClientGone, noon()));
    ledger.settle().await;
    let reader = ledger.reader();
    assert_eq!(reader.get("r-1").expect("reads").expect("is there").verdict, "open");
    assert_eq!(reader.get("r-2").expect("reads").expect("is there").verdict, "client_gone");
    assert_eq!(first.reference().seq(), Some(1));
    ledger.outcome(first.reference(), outcome(Verdict::Complete, noon()));
    ledger.close().await;
    assert_eq!(reader.get("r-1").expect("reads").expect("is there").verdict, "complete");
}

#[tokio::test]
async fn a_second_writer_is_refused_with_a_clear_error() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let ledger = open(dir.path());
    let second = Ledger::open(LedgerOptions::new(dir.path().join("log")), noon());
    let error = second.expect_err("is refused");
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    assert!(error.to_string().contains("another process"), "{error}");
    ledger.close().await;
    open(dir.path()).close().await;
}

#[tokio::test]
async fn numbers_and_chain_go_on_after_a_restart() {
    let dir = tempfile::tempdir().expect("makes a directory");
    for run in 0..3 {
        let ledger = open(dir.path());
        for request in 0..5 {
            write(&ledger, &format!("r-{run}-{request}"), noon() + run.hours(), Verdict::Complete).await;
        }
        ledger.close().await;
        ledger.close().await;
    }
    let reader = LedgerReader::open(dir.path().join("log"));
    let page = reader.list(&Filter::default(), None, 50).expect("lists");
    let seqs: Vec<u64> = page.items.iter().map(|decision| decision.seq).collect();
    assert_eq!(seqs, (1..=15).rev().collect::<Vec<_>>());
    assert_eq!(page.next_cursor, None);
}

#[tokio::test]
async fn the_outcome_of_a_request_begun_yesterday_goes_to_its_own_segment() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let ledger = open(dir.path());
    let midnight = "2026-11-24T00:00:00Z".parse::<jiff::Timestamp>().expect("parses");
    let late = ledger.intent(intent("late", midnight - 1.microsecond())).await.expect("is taken");
    write(&ledger, "early", midnight, Verdict::Complete).await;
    ledger.outcome(late.reference(), outcome(Verdict::Complete, midnight + 5.minutes()));
    ledger.close().await;
    let reader = LedgerReader::open(dir.path().join("log"));
    let decision = reader.get("late").expect("reads").expect("is there");
    assert_eq!((decision.segment.as_str(), decision.verdict.as_str()), ("decisions-2026-11-23", "complete"));
    let decision = reader.get("early").expect("reads").expect("is there");
    assert_eq!((decision.segment.as_str(), decision.seq), ("decisions-2026-11-24", 2));
}

#[tokio::test]
async fn a_reader_in_the_way_of_a_checkpoint_delays_only_the_journals_deletion() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let log = dir.path().join("log");
    let ledger = open(dir.path());
    write(&ledger, "first", noon(), Verdict::Complete).await;
    ledger.settle().await;
    let reader = rusqlite::Connection::open(log.join("decisions-2026-11-23.db")).expect("opens");
    reader.execute_batch("BEGIN; SELECT count(*) FROM intents;").expect("reads");
    // The next day seals the first one's journal, which cannot be deleted yet; then it is written to again.
    for (id, at) in [("next", noon() + 24.hours()), ("late", noon()), ("last", noon() + 24.hours())] {
        write(&ledger, id, at, Verdict::Complete).await;
        ledger.settle().await;
    }
    reader.execute_batch("COMMIT").expect("ends");
    drop(reader);
    ledger.close().await;
    let report = verify(&log).expect("verifies");
    assert!(report.is_clean(), "{report:?}");
    assert_eq!((report.rows, report.interrupted_count), (4, 0));
    // Whatever was left behind is the next start's to file and delete.
    open(dir.path()).close().await;
    let journals = std::fs::read_dir(&log)
        .expect("lists")
        .filter(|entry| entry.as_ref().expect("is read").path().extension().is_some_and(|end| end == "journal"))
        .count();
    assert_eq!(journals, 0);
}

/// Two threads file in turns: the one that leaves processors to others, and the one that takes over for whoever waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_waits_for_rows_takes_filing_over_and_each_row_is_filed_once() {
    const WRITERS: usize = 3;
    const EACH: usize = 3_000;
    let dir = tempfile::tempdir().expect("makes a directory");
    let ledger = open(dir.path());
    let writers = (0..WRITERS).map(|writer| {
        let ledger = ledger.clone();
        tokio::spawn(async move {
            for n in 0..EACH {
                let id = format!("r-{writer}-{n}");
                write(&ledger, &id, noon(), Verdict::Complete).await;
                if n % 50 == 0 {
                    ledger.settle().await;
                    assert!(ledger.reader().get(&id).expect("reads").is_some(), "{id} is listed at once");
                }
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    for writer in writers {
        writer.await.expect("writes");
    }
    ledger.close().await;
    let report = verify(&dir.path().join("log")).expect("verifies");
    assert!(report.is_clean(), "{report:?}");
    let rows: u64 = report.segments.iter().map(|segment| segment.outcomes).sum();
    assert_eq!(rows, (WRITERS * EACH) as u64);
}

/// What the thread that files every day waits for, which gets no processor until then.
static STARVED: Mutex<Option<Receiver<()>>> = Mutex::new(None);

#[tokio::test]
async fn rows_are_filed_though_the_thread_that_steps_aside_gets_no_processor() {
    let (starve, starved) = std::sync::mpsc::channel::<()>();
    *STARVED.lock().expect("is not poisoned") = Some(starved);
    let dir = tempfile::tempdir().expect("makes a directory");
    let step_aside = || {
        let until = STARVED.lock().expect("is not poisoned").take();
        until.map(|until| until.recv());
    };
    let ledger = Ledger::open(LedgerOptions { step_aside, ..LedgerOptions::new(dir.path().join("log")) }, noon());
    let ledger = ledger.expect("opens");
    let mut filed = ledger.follow();
    let ticket = write(&ledger, "r-1", noon(), Verdict::Complete).await;
    ledger.outcome_written(ticket.reference()).await;
    // Nobody asks for it.
    filed.next().await.expect("is open").expect("misses none");
    assert_eq!(ledger.reader().get("r-1").expect("reads").expect("is there").verdict, "complete");
    drop(starve);
    ledger.close().await;
}

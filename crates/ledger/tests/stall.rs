//! A disk that takes nothing more: requests wait, are refused or counted, and nothing queued is lost.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use relay_ledger::{DiskFault, Filter, Ledger, LedgerOptions, OnStall, Stalled, Ticket, Verdict, verify};
use tokio::runtime::Handle;

mod support;
use support::{intent, noon, outcome, write};

fn full_disk(dir: &std::path::Path, on_stall: OnStall) -> (Ledger, Arc<AtomicU64>) {
    let capacity = Arc::new(AtomicU64::new(u64::MAX));
    let options = LedgerOptions {
        queue: 4,
        on_stall,
        stall_limit: Duration::from_millis(60),
        disk_fault: Some(DiskFault::full_after(Arc::clone(&capacity))),
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

/// Who appended to the journal: the names of the threads, in order.
type Appends = Arc<Mutex<Vec<String>>>;

/// A log whose disk does `first` before each append.
fn watched_disk(
    dir: &std::path::Path,
    first: impl Fn() -> std::io::Result<()> + Send + Sync + 'static,
) -> (Ledger, Appends) {
    let appends = Appends::default();
    let noted = Arc::clone(&appends);
    let fault = DiskFault::new(move |_| {
        let name = std::thread::current().name().unwrap_or_default().to_owned();
        noted.lock().expect("is not poisoned").push(name);
        first()
    });
    let options = LedgerOptions {
        disk_fault: Some(fault),
        stall_limit: Duration::from_mins(1),
        ..LedgerOptions::new(dir.join("log"))
    };
    (Ledger::open(options, noon()).expect("opens"), appends)
}

/// Makes a disk hang, and ends that.
struct Hang {
    next: Arc<AtomicBool>,
    began: mpsc::Receiver<()>,
    end: mpsc::Sender<std::io::Result<()>>,
}

/// A log whose disk hangs when it is told to, for at least 25 ms, and then does what it is told.
fn hanging_disk(dir: &std::path::Path) -> (Ledger, Appends, Hang) {
    let next = Arc::new(AtomicBool::new(false));
    let ((begins, began), (end, ended)) = (mpsc::channel(), mpsc::channel());
    let (hangs, ended) = (Arc::clone(&next), Mutex::new(ended));
    let (ledger, appends) = watched_disk(dir, move || {
        if !hangs.swap(false, Ordering::SeqCst) {
            return Ok(());
        }
        let since = Instant::now();
        begins.send(()).expect("is awaited");
        let end = ended.lock().expect("is not poisoned").recv().expect("ends");
        while since.elapsed() < Duration::from_millis(25) {
            std::thread::yield_now();
        }
        end
    });
    (ledger, appends, Hang { next, began, end })
}

/// Queues an intent in a thread of that name, which writes it unless somebody else does.
fn queue_in(name: &str, ledger: &Ledger) -> std::thread::JoinHandle<Ticket> {
    let (ledger, request, runtime) = (ledger.clone(), name.to_owned(), Handle::current());
    let queue = move || runtime.block_on(ledger.intent(intent(&request, noon()))).expect("is queued");
    std::thread::Builder::new().name(name.to_owned()).spawn(queue).expect("starts a thread")
}

#[tokio::test]
async fn a_disk_that_hangs_holds_up_one_caller_and_nobody_until_it_is_quick_again() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let (ledger, appends, hang) = hanging_disk(dir.path());
    let last = || appends.lock().expect("is not poisoned").last().cloned();
    let ticket = queue_in("quick", &ledger).join().expect("does not panic");
    assert_eq!((ticket.committed().await, last().as_deref()), (Ok(()), Some("quick")));

    hang.next.store(true, Ordering::SeqCst);
    let held_up = queue_in("held-up", &ledger);
    hang.began.recv().expect("hangs");
    let queued = queue_in("queued", &ledger).join().expect("is not held up");
    hang.end.send(Ok(())).expect("hangs");
    held_up.join().expect("goes on").committed().await.expect("is written");
    queued.committed().await.expect("is written");
    assert_eq!(last().as_deref(), Some("log-writer"));

    let deadline = Instant::now() + Duration::from_mins(1);
    while last().as_deref() != Some("again") {
        assert!(Instant::now() < deadline, "the writer's own thread goes on");
        let ticket = queue_in("again", &ledger).join().expect("does not panic");
        ticket.committed().await.expect("is written");
    }
    ledger.close().await;
    assert_eq!(ledger.stats().lost, 0);
}

#[tokio::test]
async fn who_writes_for_others_leaves_it_to_the_writer_in_the_end() {
    const OTHERS: usize = 100;
    let dir = tempfile::tempdir().expect("makes a directory");
    let ((wanted, wants), (queued, is_queued)) = (mpsc::channel(), mpsc::channel());
    let is_queued = Mutex::new(is_queued);
    // While a row of the caller's is written another one queues, each time.
    let (ledger, appends) = watched_disk(dir.path(), move || {
        if std::thread::current().name() == Some("caller") && wanted.send(()).is_ok() {
            let _ = is_queued.lock().expect("is not poisoned").recv();
        }
        Ok(())
    });
    let (others, runtime) = (ledger.clone(), Handle::current());
    std::thread::spawn(move || {
        for () in wants.iter().take(OTHERS) {
            runtime.block_on(others.intent(intent("other", noon()))).expect("is queued");
            queued.send(()).expect("is awaited");
        }
    });
    queue_in("caller", &ledger).join().expect("does not panic").committed().await.expect("is written");
    ledger.close().await;
    let appends = appends.lock().expect("is not poisoned").clone();
    let of_caller = appends.iter().filter(|name| *name == "caller").count();
    assert!((2..20).contains(&of_caller), "{appends:?}");
    assert_eq!(appends.last().map(String::as_str), Some("log-writer"));
    let stats = ledger.stats();
    assert_eq!((stats.accepted, stats.written, stats.lost), (of_caller as u64 + 1, of_caller as u64 + 1, 0));
}

#[tokio::test]
async fn a_handover_that_fails_leaves_no_row_behind() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let (ledger, _, hang) = hanging_disk(dir.path());
    write(&ledger, "before", noon(), Verdict::Complete).await;

    hang.next.store(true, Ordering::SeqCst);
    let handing = tokio::spawn({
        let ledger = ledger.clone();
        async move { ledger.hand_over().await }
    });
    tokio::task::spawn_blocking(move || hang.began.recv()).await.expect("does not panic").expect("hangs");
    let queued = queue_in("meanwhile", &ledger).join().expect("does not panic");
    hang.end.send(Err(std::io::ErrorKind::StorageFull.into())).expect("hangs");
    assert!(handing.await.expect("does not panic").is_err());
    queued.committed().await.expect("is written");
    ledger.close().await;
    let stats = ledger.stats();
    assert_eq!((stats.written, stats.lost, stats.failing_ms), (3, 0, None));
}

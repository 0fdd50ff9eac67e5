//! The handle: what a request calls, and what starts and stops the threads.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use utoipa::ToSchema;

use crate::adoption::Adoption;
use crate::archivist::Archivist;
use crate::aside;
use crate::filing::FilingError;
use crate::handover::Adopting;
use crate::options::{LedgerOptions, OnStall};
use crate::progress::{Progress, count};
use crate::queue::{Queue, Rejected, Slot, SlotState, Taken};
use crate::reader::LedgerReader;
use crate::record::{Intent, Outcome};
use crate::recovery::{Unfinished, recover, writer_id};
use crate::retention::{retain, retired_last_seq};
use crate::tail::Follower;
use crate::upgrade::upgrade_all;
use crate::writer::{Start, Writing};

/// How often the lock is tried: a verification running just now holds it for a moment.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(25);

/// The log did not take an intent in time: the request is to be refused with 503.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the decision log cannot be written")]
pub struct Stalled;

/// Why a log could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process writes this log.
    #[error("the decision log in {} is written by another process; stop it, or give this one its own data directory", dir.display())]
    Locked {
        /// The log's directory.
        dir: PathBuf,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file that names the writer holds something else.
    #[error("{} does not hold a writer's id of 32 hex digits; restore it from a backup", path.display())]
    Writer {
        /// The file.
        path: PathBuf,
    },
    /// A segment could not be recovered.
    #[error("{segment}: {source}")]
    Segment {
        /// The segment's name.
        segment: String,
        /// Why.
        source: SegmentError,
    },
}

/// Why a segment could not be opened or filed in.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct SegmentError(#[from] FilingError);

/// Counts since the start, and how the log is now.
#[derive(Clone, Debug, Default, serde::Serialize, ToSchema)]
#[schema(as = LogCounters)]
pub struct LedgerStats {
    /// Intents waiting for the disk now.
    pub queued: u64,
    /// Rows accepted from requests.
    pub accepted: u64,
    /// Rows on disk.
    pub written: u64,
    /// Rows in their segment, where lists see them.
    pub filed: u64,
    /// The age of the oldest row that is on disk and not yet where lists see it, in milliseconds.
    pub lag_ms: u64,
    /// Requests refused because the log kept them waiting.
    pub stalled: u64,
    /// Requests that went on although the log kept them waiting.
    pub continued: u64,
    /// Rows that will never be written.
    pub lost: u64,
    /// The last error of writing or filing.
    #[schema(required)]
    pub last_error: Option<String>,
    /// For how long writing or filing has been failing, in milliseconds; absent when it works.
    #[schema(required)]
    pub failing_ms: Option<u64>,
}

/// A cheap handle on the log; clones share it.
#[derive(Clone, Debug)]
pub struct Ledger(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    queue: Arc<Queue>,
    pub(crate) writing: Arc<Writing>,
    progress: Arc<Progress>,
    on_stall: OnStall,
    stall_limit: Duration,
    dir: PathBuf,
    /// The writer's, and last that of filing.
    pub(crate) threads: Mutex<Vec<JoinHandle<()>>>,
    pub(crate) adoption: Mutex<Option<Adopting>>,
    recovered: (u64, u64),
}

impl Inner {
    /// Counts a row that the queue took, and sees to it that it is written.
    fn accepted(&self, taken: Taken) {
        count(&self.progress.counters.accepted, 1);
        if taken == Taken::Write {
            self.writing.write_queued();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The threads end by themselves once nothing can be queued any more.
        self.queue.close();
    }
}

/// Names an intent's row, also before it is written; clones are cheap.
#[derive(Clone, Debug)]
pub struct IntentRef(Arc<Slot>);

impl IntentRef {
    /// The row's sequence number; `None` before the writer gave one.
    pub fn seq(&self) -> Option<u64> {
        self.0.place().map(|(_, seq)| seq)
    }
}

/// An intent on its way to the disk. Dropping it changes nothing.
#[derive(Debug)]
pub struct Ticket {
    reference: IntentRef,
    ledger: Ledger,
}

impl Ticket {
    /// Names the intent, for its outcome.
    pub fn reference(&self) -> &IntentRef {
        &self.reference
    }

    /// Waits until the intent is on disk, at most for the stall limit.
    ///
    /// # Errors
    /// [`Stalled`] when it is not in time and the log refuses; the row is
    /// still written when the disk is back. Dropping the future changes nothing.
    pub async fn committed(&self) -> Result<(), Stalled> {
        let slot = &self.reference.0;
        if slot.state() == SlotState::Queued {
            // The timer only guards against a disk that hangs.
            let _ = tokio::time::timeout(self.ledger.0.stall_limit, slot.changed()).await;
        }
        match slot.state() {
            SlotState::Committed => Ok(()),
            SlotState::Queued | SlotState::Dropped => self.ledger.stalled(),
        }
    }
}

impl Ledger {
    /// Opens the log in a directory and starts its threads: blocking, at start-up.
    ///
    /// Rows that an earlier run left in journals are filed, its unfinished
    /// requests get the outcome `interrupted`, and segments past retention
    /// are removed. Of a process that handed the log over ([`Ledger::hand_over`])
    /// and still runs, rows are taken in as it writes them; what it leaves unfinished is interrupted when it ends.
    pub fn open(options: LedgerOptions, now: Timestamp) -> Result<Self, OpenError> {
        let dir = options.dir;
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| OpenError::Io { path, source }
        };
        std::fs::create_dir_all(&dir).map_err(io(&dir))?;
        let lock = lock(&dir)?;
        upgrade_all(&dir)
            .map_err(|(segment, error)| OpenError::Segment { segment, source: FilingError::from(error).into() })?;
        let writer = writer_id(&dir)?;
        let beside = aside::list(&dir).map_err(io(&dir))?;
        let unfinished = if beside.is_empty() { Unfinished::Interrupt } else { Unfinished::Leave };
        let mut recovered = recover(&dir, &writer, unfinished, now)?;
        let archive = |source: FilingError| OpenError::Segment { segment: "rollups".to_owned(), source: source.into() };
        retain(&dir, options.retention, now).map_err(archive)?;
        recovered.last_seq = recovered.last_seq.max(retired_last_seq(&dir).map_err(archive)?);
        if recovered.interrupted > 0 {
            tracing::warn!(requests = recovered.interrupted, "requests of an earlier run were interrupted");
        }
        let queue = Arc::new(Queue::new(options.queue));
        let progress = Arc::new(Progress::default());
        let started = (recovered.refiled, recovered.interrupted);
        let start = Start {
            dir: dir.clone(),
            writer,
            last_seq: recovered.last_seq,
            links: recovered.links,
            give_up_after: options.stall_limit,
            fault: options.disk_fault,
        };
        let archivist = Arc::new(Archivist {
            dir: dir.clone(),
            writer,
            retention: options.retention,
            quiet: options.quiet,
            opened_at: now,
            started: Instant::now(),
            progress: Arc::clone(&progress),
            desk: Mutex::default(),
        });
        let (at_once, step_aside) = (Arc::clone(&archivist), options.step_aside);
        let writing = Arc::new(Writing::new(start, Arc::clone(&queue), Arc::clone(&progress)));
        let standing_by = Arc::clone(&writing);
        let named = |name: &str| std::thread::Builder::new().name(name.to_owned());
        let threads = vec![
            named("log-writer").spawn(move || standing_by.stand_by()).map_err(io(&dir))?,
            named("log-filing")
                .spawn(move || {
                    step_aside();
                    archivist.file_leisurely();
                })
                .map_err(io(&dir))?,
            named("log-filing-now")
                .spawn(move || {
                    at_once.file_at_once();
                    drop(lock);
                })
                .map_err(io(&dir))?,
        ];
        let adoption = if beside.is_empty() {
            None
        } else {
            let log = (Arc::clone(&queue), Arc::clone(&writing), Arc::clone(&progress));
            let adoption = Adoption::new((&dir, &writer), beside, recovered.unended, log, now).map_err(io(&dir))?;
            Some(Adopting::NotYet(Box::new(adoption)))
        };
        Ok(Self(Arc::new(Inner {
            queue,
            writing,
            progress,
            on_stall: options.on_stall,
            stall_limit: options.stall_limit,
            dir,
            threads: Mutex::new(threads),
            adoption: Mutex::new(adoption),
            recovered: started,
        })))
    }

    /// Writes an intent, or queues it when somebody is writing; waits for room at most for the stall limit.
    ///
    /// # Errors
    /// [`Stalled`] when there is none in time and the log refuses, or when it
    /// is closed. A future dropped before its end has queued nothing.
    pub async fn intent(&self, intent: Box<Intent>) -> Result<Ticket, Stalled> {
        let slot = Arc::new(Slot::default());
        match self.0.queue.push_intent(&slot, intent) {
            Ok(taken) => {
                self.0.accepted(taken);
                Ok(self.ticket(slot))
            }
            Err(Rejected::Full(intent)) => self.intent_when_room(slot, intent).await,
            Err(Rejected::Closed) => self.without_row(slot),
        }
    }

    async fn intent_when_room(&self, slot: Arc<Slot>, intent: Box<Intent>) -> Result<Ticket, Stalled> {
        let mut held = Some(intent);
        let queued = tokio::time::timeout(self.0.stall_limit, async {
            loop {
                self.0.queue.space().await;
                let intent = held.take()?;
                match self.0.queue.push_intent(&slot, intent) {
                    Ok(taken) => return Some(taken),
                    Err(Rejected::Full(intent)) => held = Some(intent),
                    Err(Rejected::Closed) => return None,
                }
            }
        });
        if let Ok(Some(taken)) = queued.await {
            self.0.accepted(taken);
            return Ok(self.ticket(slot));
        }
        self.without_row(slot)
    }

    /// A request that found no room: refused, or let go on without a row.
    fn without_row(&self, slot: Arc<Slot>) -> Result<Ticket, Stalled> {
        slot.settle(SlotState::Dropped);
        if self.0.on_stall == OnStall::Refuse {
            count(&self.0.progress.counters.stalled, 1);
            return Err(Stalled);
        }
        count(&self.0.progress.counters.lost, 1);
        Ok(self.ticket(slot))
    }

    fn ticket(&self, slot: Arc<Slot>) -> Ticket {
        Ticket { reference: IntentRef(slot), ledger: self.clone() }
    }

    fn stalled(&self) -> Result<(), Stalled> {
        match self.0.on_stall {
            OnStall::Refuse => {
                count(&self.0.progress.counters.stalled, 1);
                Err(Stalled)
            }
            OnStall::Continue => {
                count(&self.0.progress.counters.continued, 1);
                Ok(())
            }
        }
    }

    /// Queues the outcome of an intent. Never waits, and takes it however full
    /// the queue is. It goes along with the next row that is written: whoever
    /// queues it calls [`Ledger::flush`] soon.
    pub fn outcome(&self, reference: &IntentRef, outcome: Box<Outcome>) {
        let is_dropped = reference.0.state() == SlotState::Dropped;
        let counters = &self.0.progress.counters;
        if is_dropped || self.0.queue.push_outcome(&reference.0, outcome).is_none() {
            count(&counters.lost, 1);
        } else {
            count(&counters.accepted, 1);
        }
    }

    /// Whether rows have queued that a caller may write ([`Ledger::flush`]).
    pub fn has_queued(&self) -> bool {
        self.0.queue.has_work()
    }

    /// Writes what has queued, unless somebody is at it.
    ///
    /// Apart from queueing, so that a request can first let others go: on a busy
    /// machine their rows take this one along, and a write is saved.
    pub fn flush(&self) {
        if self.has_queued() {
            self.0.writing.write_queued();
        }
    }

    /// Waits until the outcome of an intent, which has been queued, is on disk, at most for the stall limit:
    /// a row that is there survives the end of this process, however it ends.
    ///
    /// Dropping the future changes nothing.
    pub async fn outcome_written(&self, reference: &IntentRef) {
        let slot = &reference.0;
        let deadline = Instant::now() + self.0.stall_limit;
        self.flush();
        let mut looks = 0;
        while !slot.has_ended() && slot.state() != SlotState::Dropped && Instant::now() < deadline {
            // Somebody else is writing it just now, which takes some microseconds; a failing or slow disk takes longer.
            if looks < 64 {
                looks += 1;
                tokio::task::yield_now().await;
            } else {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            self.flush();
        }
    }

    /// How the log is doing.
    pub fn stats(&self) -> LedgerStats {
        let counters = &self.0.progress.counters;
        let (last_error, failing) = self.0.progress.failure();
        LedgerStats {
            queued: self.0.queue.pending_intents() as u64,
            accepted: counters.accepted.load(Ordering::Relaxed),
            written: counters.written.load(Ordering::Relaxed),
            filed: counters.filed.load(Ordering::Relaxed),
            lag_ms: self.0.progress.lag().as_millis() as u64,
            stalled: counters.stalled.load(Ordering::Relaxed),
            continued: counters.continued.load(Ordering::Relaxed),
            lost: counters.lost.load(Ordering::Relaxed),
            last_error,
            failing_ms: failing.map(|lasting| lasting.as_millis() as u64),
        }
    }

    /// Rows of the last run that were only in its journals, and its requests that were interrupted.
    pub fn recovered(&self) -> (u64, u64) {
        self.0.recovered
    }

    /// Reads this log. Call it on a thread that may block.
    pub fn reader(&self) -> LedgerReader {
        LedgerReader::open(&self.0.dir)
    }

    /// Follows what is filed from now on.
    pub fn follow(&self) -> Follower {
        self.0.progress.ended.follow()
    }

    /// Waits until everything accepted so far is where lists see it, at most for the stall limit.
    ///
    /// Lists lag by a second otherwise. Dropping the future changes nothing.
    pub async fn settle(&self) {
        self.flush();
        let progress = &self.0.progress;
        let accepted = progress.counters.accepted.load(Ordering::SeqCst);
        progress.hurry();
        let _ = tokio::time::timeout(self.0.stall_limit, async {
            loop {
                let filed = progress.filed.notified();
                let counters = &progress.counters;
                if counters.rolled.load(Ordering::SeqCst) + counters.lost.load(Ordering::SeqCst) >= accepted {
                    return;
                }
                filed.await;
            }
        })
        .await;
    }

    /// Writes and files everything accepted, then stops the threads. Can be called again.
    ///
    /// Once called it goes on also when the future is dropped.
    pub async fn close(&self) {
        let inner = Arc::clone(&self.0);
        let closed = tokio::task::spawn_blocking(move || {
            inner.stop_adopting();
            inner.queue.close();
            join(std::mem::take(&mut *inner.threads.lock().unwrap_or_else(PoisonError::into_inner)));
        });
        let _ = closed.await;
    }
}

pub(crate) fn join(threads: impl IntoIterator<Item = JoinHandle<()>>) {
    for thread in threads {
        if thread.join().is_err() {
            tracing::error!("a thread of the decision log panicked");
        }
    }
}

fn lock(dir: &Path) -> Result<File, OpenError> {
    let path = dir.join("lock");
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(|source| OpenError::Io { path: path.clone(), source })?;
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => std::thread::park_timeout(LOCK_PAUSE),
            Err(TryLockError::Error(source)) => return Err(OpenError::Io { path, source }),
        }
    }
    Err(OpenError::Locked { dir: dir.to_owned() })
}

/// Whether some process writes the log in `dir` now.
pub(crate) fn is_written(dir: &Path) -> bool {
    let Ok(file) = File::open(dir.join("lock")) else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

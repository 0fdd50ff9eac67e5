//! How far the journal is written, for filing to follow; and both threads' counters.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::day::Day;
use crate::tail::Announcer;

/// Filing makes at most one round in this time, unless [`FILE_AT_ONCE`] waits.
///
/// Rows are safe in the journal, and whoever lists them has them filed first
/// ([`Progress::hurry`]). The more rows share a transaction the fewer pages are
/// written, and the seldomer a request meets a processor that writes them.
pub(crate) const FILE_EVERY: Duration = Duration::from_secs(1);
/// Unfiled bytes at which filing does not wait.
const FILE_AT_ONCE: u64 = 8 << 20;

/// A journal file, and how far it holds acknowledged rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) day: Day,
    pub(crate) number: u32,
    /// Offset after the last acknowledged row.
    pub(crate) end: u64,
    /// Nothing more will be written to it.
    pub(crate) sealed: bool,
}

#[derive(Debug, Default)]
struct State {
    chunks: Vec<Chunk>,
    unfiled_bytes: u64,
    /// When the oldest row that no round has taken up was written.
    unfiled_since: Option<Instant>,
    /// The same of those that the running round files.
    filing_since: Option<Instant>,
    asleep: bool,
    hurry: bool,
    writer_done: bool,
}

/// Shared by the writer, filing, and the handle.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    state: Mutex<State>,
    wake: Condvar,
    pub(crate) counters: Counters,
    failing: Mutex<Option<Failure>>,
    pub(crate) filed: Notify,
    /// Told of each outcome once it is filed.
    pub(crate) ended: Announcer,
}

/// Counts since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) accepted: AtomicU64,
    pub(crate) written: AtomicU64,
    pub(crate) filed: AtomicU64,
    /// Rows filed and in the roll-ups.
    pub(crate) rolled: AtomicU64,
    pub(crate) stalled: AtomicU64,
    pub(crate) continued: AtomicU64,
    pub(crate) lost: AtomicU64,
}

#[derive(Clone, Debug)]
struct Failure {
    since: Instant,
    error: String,
    over: bool,
}

/// What filing is to do next.
#[derive(Debug)]
pub(crate) struct Round {
    pub(crate) chunks: Vec<Chunk>,
    /// Somebody waits to read it all.
    pub(crate) hurry: bool,
    /// The writer has ended: this is all there will be.
    pub(crate) last: bool,
}

impl Progress {
    /// Tells how far a file is written, by `added` bytes more than before.
    pub(crate) fn wrote(&self, chunk: Chunk, added: u64) {
        let mut state = self.lock();
        if added > 0 && state.unfiled_since.is_none() {
            state.unfiled_since = Some(Instant::now());
        }
        state.unfiled_bytes += added;
        match state.chunks.iter_mut().rfind(|known| known.day == chunk.day && known.number == chunk.number) {
            Some(known) => *known = chunk,
            None => state.chunks.push(chunk),
        }
        if state.asleep && added > 0
            || state.unfiled_bytes >= FILE_AT_ONCE && state.unfiled_bytes - added < FILE_AT_ONCE
        {
            state.asleep = false;
            drop(state);
            self.wake.notify_one();
        }
    }

    /// Forgets a file that is deleted.
    pub(crate) fn deleted(&self, day: Day, number: u32) {
        self.lock().chunks.retain(|chunk| (chunk.day, chunk.number) != (day, number));
    }

    pub(crate) fn writer_done(&self) {
        self.lock().writer_done = true;
        self.wake.notify_all();
    }

    /// Has everything written so far filed at once.
    pub(crate) fn hurry(&self) {
        self.lock().hurry = true;
        self.wake.notify_all();
    }

    /// Waits for something to file, at most `longest`; after a round that `filed`, no sooner than [`FILE_EVERY`].
    pub(crate) fn next_round(&self, filed: bool, longest: Duration) -> Round {
        let mut state = self.lock();
        state.filing_since = None;
        if filed {
            state = self
                .wake
                .wait_timeout_while(state, FILE_EVERY, |state| {
                    !state.writer_done && !state.hurry && state.unfiled_bytes < FILE_AT_ONCE
                })
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        if state.unfiled_bytes == 0 && !state.writer_done {
            state.asleep = true;
            state = self
                .wake
                .wait_timeout_while(state, longest, |state| {
                    state.unfiled_bytes == 0 && !state.writer_done && !state.hurry
                })
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        state.asleep = false;
        state.unfiled_bytes = 0;
        state.filing_since = state.unfiled_since.take();
        Round { chunks: state.chunks.clone(), hurry: std::mem::take(&mut state.hurry), last: state.writer_done }
    }

    /// Waits before filing is tried again.
    pub(crate) fn back_off(&self, pause: Duration) {
        let state = self.lock();
        let waited = self.wake.wait_timeout_while(state, pause, |state| !state.writer_done);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Has the next round look at everything again, after one that failed.
    pub(crate) fn retry(&self) {
        let mut state = self.lock();
        state.hurry = true;
        state.unfiled_since = state.filing_since.take().or(state.unfiled_since);
    }

    /// The age of the oldest row that is written and not filed; zero when there is none.
    pub(crate) fn lag(&self) -> Duration {
        let state = self.lock();
        state.filing_since.or(state.unfiled_since).map(|since| since.elapsed()).unwrap_or_default()
    }

    /// Notes that writing fails.
    pub(crate) fn failed(&self, error: &dyn std::error::Error) {
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        let since = failing.as_ref().filter(|failure| !failure.over).map_or_else(Instant::now, |failure| failure.since);
        *failing = Some(Failure { since, error: error.to_string(), over: false });
    }

    /// Notes that writing works again; the error stays for the record. Whether it had failed.
    pub(crate) fn recovered(&self) -> bool {
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        failing.as_mut().is_some_and(|failure| !std::mem::replace(&mut failure.over, true))
    }

    /// The last error, and for how long writing has failed if it still does.
    pub(crate) fn failure(&self) -> (Option<String>, Option<Duration>) {
        let failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        let lasting = failing.as_ref().filter(|failure| !failure.over).map(|failure| failure.since.elapsed());
        (failing.as_ref().map(|failure| failure.error.clone()), lasting)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds to a counter that only informs.
pub(crate) fn count(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_lag_from_their_writing_until_a_round_has_filed_them() {
        let progress = Progress::default();
        let chunk = Chunk { day: Day::of(jiff::Timestamp::UNIX_EPOCH), number: 1, end: 10, sealed: false };
        assert_eq!(progress.lag(), Duration::ZERO);
        progress.wrote(chunk, 10);
        let written = Instant::now();
        progress.next_round(false, Duration::ZERO);
        let at_least = written.elapsed();
        assert!(progress.lag() >= at_least, "while they are being filed");
        progress.retry();
        progress.next_round(false, Duration::ZERO);
        let at_least = written.elapsed();
        assert!(progress.lag() >= at_least, "after a round that failed, from the first writing on");
        progress.writer_done();
        progress.next_round(true, Duration::ZERO);
        assert_eq!(progress.lag(), Duration::ZERO);
    }
}

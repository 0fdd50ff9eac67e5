//! How far the journal is written, for filing to follow; and the threads' counters.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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
/// For how long rows may wait for a processor that nobody else wants.
const OVERDUE: Duration = Duration::from_secs(3);

/// How a thread goes about filing (ADR 0022).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Where nobody else wants the processor: the everyday way.
    Leisurely,
    /// Because somebody waits for the rows, because they are overdue, and at the end.
    AtOnce,
}

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
    /// The thread that files leisurely waits for a row.
    asleep: bool,
    hurry: bool,
    /// When somebody last waited for rows.
    hurried: Option<Instant>,
    writer_done: bool,
}

impl State {
    /// Whether filing does not wait for the next second.
    fn is_pressing(&self) -> bool {
        self.writer_done || self.unfiled_bytes >= FILE_AT_ONCE
    }

    /// Whether somebody waits for rows all the time: each time all are filed at once.
    fn is_hurried(&self) -> bool {
        self.hurried.is_some_and(|at| at.elapsed() < FILE_EVERY)
    }

    /// When the oldest row was written that is not filed.
    fn oldest(&self) -> Option<Instant> {
        self.filing_since.or(self.unfiled_since)
    }
}

/// Shared by the writer, filing, and the handle.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    state: Mutex<State>,
    /// For the thread that files leisurely.
    wake: Condvar,
    /// For the one that files at once.
    alarm: Condvar,
    /// The latter wants to take over: the former ends what it does.
    taking_over: AtomicBool,
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
        let is_first = added > 0 && state.unfiled_since.is_none();
        if is_first {
            state.unfiled_since = Some(Instant::now());
        }
        state.unfiled_bytes += added;
        match state.chunks.iter_mut().rfind(|known| known.day == chunk.day && known.number == chunk.number) {
            Some(known) => *known = chunk,
            None => state.chunks.push(chunk),
        }
        let is_enough = state.unfiled_bytes >= FILE_AT_ONCE && state.unfiled_bytes - added < FILE_AT_ONCE;
        let wake = added > 0 && std::mem::take(&mut state.asleep) || is_enough;
        drop(state);
        if wake {
            self.wake.notify_one();
        }
        if is_first {
            // It sees to it that these do not wait for long.
            self.alarm.notify_one();
        }
    }

    /// Forgets a file that is deleted.
    pub(crate) fn deleted(&self, day: Day, number: u32) {
        self.lock().chunks.retain(|chunk| (chunk.day, chunk.number) != (day, number));
    }

    pub(crate) fn writer_done(&self) {
        self.lock().writer_done = true;
        self.wake.notify_all();
        self.alarm.notify_all();
    }

    /// Has everything written so far filed at once.
    pub(crate) fn hurry(&self) {
        let mut state = self.lock();
        (state.hurry, state.hurried) = (true, Some(Instant::now()));
        drop(state);
        self.alarm.notify_all();
    }

    /// Waits until there may be something to file leisurely, at most `longest`; after a round that `filed`, no sooner
    /// than [`FILE_EVERY`].
    pub(crate) fn wait_leisurely(&self, filed: bool, longest: Duration) {
        let mut state = self.lock();
        let mut pauses = filed;
        loop {
            if pauses {
                state = self
                    .wake
                    .wait_timeout_while(state, FILE_EVERY, |state| !state.is_pressing())
                    .unwrap_or_else(PoisonError::into_inner)
                    .0;
            }
            let waited = self.wake.wait_timeout_while(state, longest, |state| {
                // Each time anew: what it was woken for may have been filed at once before it got a processor.
                state.asleep = state.unfiled_bytes == 0;
                state.asleep && !state.writer_done
            });
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.asleep = false;
            // Who waits for rows all the time has them filed at once, and would wait for this thread to lay them down.
            pauses = state.is_hurried() && !state.is_pressing();
            if !pauses {
                return;
            }
        }
    }

    /// Waits until something must be filed at once, at most `longest`.
    pub(crate) fn wait_for_need(&self, longest: Duration) {
        let began = Instant::now();
        let mut state = self.lock();
        while !state.hurry && !state.writer_done {
            let until_overdue = state.oldest().map_or(longest, |since| OVERDUE.saturating_sub(since.elapsed()));
            let left = until_overdue.min(longest.saturating_sub(began.elapsed()));
            if left.is_zero() {
                return;
            }
            state = self.alarm.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Takes up what there is to file; whoever does that has the desk. What files leisurely gets nothing after the writer's end.
    pub(crate) fn begin_round(&self, pace: Pace) -> Option<Round> {
        let mut state = self.lock();
        if pace == Pace::Leisurely && state.writer_done {
            return None;
        }
        state.unfiled_bytes = 0;
        state.filing_since = state.oldest();
        state.unfiled_since = None;
        let hurry = pace == Pace::AtOnce && std::mem::take(&mut state.hurry);
        Some(Round { chunks: state.chunks.clone(), hurry, last: state.writer_done })
    }

    /// Ends a round that has filed all that it took up.
    pub(crate) fn end_round(&self) {
        self.lock().filing_since = None;
    }

    /// Waits with `wait` for what the thread that files leisurely has in its hands, which it lays down soon.
    pub(crate) fn take_over<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.taking_over.store(true, Ordering::Relaxed);
        let taken = wait();
        self.taking_over.store(false, Ordering::Relaxed);
        taken
    }

    /// Whether what files leisurely is to lay down what it has in its hands.
    pub(crate) fn is_taken_over(&self) -> bool {
        self.taking_over.load(Ordering::Relaxed)
    }

    /// Waits before filing is tried again.
    pub(crate) fn back_off(&self, pause: Duration) {
        let state = self.lock();
        let waited = self.alarm.wait_timeout_while(state, pause, |state| !state.writer_done);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Has the next round look at everything again, after one that failed.
    pub(crate) fn retry(&self) {
        let mut state = self.lock();
        state.unfiled_since = state.filing_since.take().or(state.unfiled_since);
        drop(state);
        self.hurry();
    }

    /// The age of the oldest row that is written and not filed; zero when there is none.
    pub(crate) fn lag(&self) -> Duration {
        self.lock().oldest().map(|since| since.elapsed()).unwrap_or_default()
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

    /// Longer than any test.
    const A_DAY: Duration = Duration::from_hours(24);

    fn write_a_row(progress: &Progress, end: u64) {
        let chunk = Chunk { day: Day::of(jiff::Timestamp::UNIX_EPOCH), number: 1, end, sealed: false };
        progress.wrote(chunk, 10);
    }

    fn with_a_row() -> Progress {
        let progress = Progress::default();
        write_a_row(&progress, 10);
        progress
    }

    #[test]
    fn who_was_woken_for_rows_that_are_filed_by_now_is_woken_again() {
        let progress = Progress::default();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| progress.wait_leisurely(false, A_DAY));
            for end in 1..=1_000 {
                // The thread that waits may see any of these, or none.
                write_a_row(&progress, 10 * end);
                progress.begin_round(Pace::AtOnce).unwrap();
                progress.end_round();
            }
            while !waiting.is_finished() {
                // Whoever waits is asleep by the state, once it has looked; then a row is enough.
                let asleep = progress.lock().asleep;
                if asleep {
                    write_a_row(&progress, 20_000);
                }
                std::thread::yield_now();
            }
        });
    }

    #[test]
    fn rows_lag_from_their_writing_until_a_round_has_filed_them() {
        assert_eq!(Progress::default().lag(), Duration::ZERO);
        let progress = with_a_row();
        let written = Instant::now();
        let lags = |when: &str| {
            let at_least = written.elapsed();
            assert!(progress.lag() >= at_least, "{when}");
        };
        progress.begin_round(Pace::Leisurely).unwrap();
        lags("while they are being filed");
        progress.retry();
        progress.begin_round(Pace::AtOnce).unwrap();
        lags("after a round that failed, from the first writing on");
        progress.end_round();
        assert_eq!(progress.lag(), Duration::ZERO);
    }

    #[test]
    fn what_is_taken_over_is_as_old_as_it_was() {
        let progress = with_a_row();
        let written = Instant::now();
        progress.begin_round(Pace::Leisurely).unwrap();
        write_a_row(&progress, 20);
        assert_eq!(progress.begin_round(Pace::AtOnce).unwrap().chunks[0].end, 20);
        let at_least = written.elapsed();
        assert!(progress.lag() >= at_least);
    }

    #[test]
    fn rows_that_wait_for_long_are_filed_at_once() {
        let progress = with_a_row();
        progress.begin_round(Pace::Leisurely).unwrap();
        // Nobody ends that round: its thread gets no processor.
        progress.wait_for_need(A_DAY);
        assert!(progress.lag() >= OVERDUE);
    }

    #[test]
    fn what_somebody_waits_for_is_filed_at_once() {
        let progress = with_a_row();
        progress.hurry();
        progress.wait_for_need(A_DAY);
        assert!(progress.lag() < OVERDUE, "it did not wait until they were overdue");
        assert!(progress.begin_round(Pace::AtOnce).unwrap().hurry);
    }

    #[test]
    fn the_last_round_is_not_done_leisurely() {
        let progress = with_a_row();
        progress.writer_done();
        progress.wait_leisurely(true, A_DAY);
        assert!(progress.begin_round(Pace::Leisurely).is_none());
        progress.wait_for_need(A_DAY);
        assert!(progress.begin_round(Pace::AtOnce).unwrap().last);
    }
}

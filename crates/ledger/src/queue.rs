//! What waits for the writer, and who waits for what waits.
//!
//! The bound is on intents that are not on disk yet: they are what a request
//! waits for. Outcomes are always taken, since each belongs to an intent that
//! was. Order is kept, so an outcome never meets the writer before its intent.

use std::sync::atomic::{AtomicI32, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::day::Day;
use crate::record::{Intent, Outcome};

/// How often the writer lets others go first before it writes outcomes alone.
const LONGEST_COURTESY: usize = 8;

const QUEUED: u8 = 0;
const COMMITTED: u8 = 1;
const DROPPED: u8 = 2;

/// Where an intent's row is, once it is; shared by the ticket, the reference and the writer.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    seq: AtomicU64,
    day: AtomicI32,
    state: AtomicU8,
    changed: Notify,
}

/// What became of an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlotState {
    Queued,
    Committed,
    /// There will never be a row.
    Dropped,
}

impl Slot {
    /// The day and number the writer gave; `None` before that, or when there is no row.
    pub(crate) fn place(&self) -> Option<(Day, u64)> {
        match self.seq.load(Ordering::Acquire) {
            0 => None,
            seq => Some((Day(self.day.load(Ordering::Relaxed)), seq)),
        }
    }

    pub(crate) fn assign(&self, day: Day, seq: u64) {
        self.day.store(day.0, Ordering::Relaxed);
        self.seq.store(seq, Ordering::Release);
    }

    pub(crate) fn state(&self) -> SlotState {
        match self.state.load(Ordering::Acquire) {
            COMMITTED => SlotState::Committed,
            DROPPED => SlotState::Dropped,
            _ => SlotState::Queued,
        }
    }

    pub(crate) fn settle(&self, state: SlotState) {
        let state = match state {
            SlotState::Queued => QUEUED,
            SlotState::Committed => COMMITTED,
            SlotState::Dropped => DROPPED,
        };
        self.state.store(state, Ordering::Release);
        self.changed.notify_one();
    }

    /// Completes when the state changes, or at once if it did before.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }
}

/// One thing to write.
#[derive(Debug)]
pub(crate) enum Message {
    Intent(Arc<Slot>, Box<Intent>),
    Outcome(Arc<Slot>, Box<Outcome>),
}

#[derive(Debug)]
struct State {
    messages: Vec<Message>,
    pending_intents: usize,
    /// The writer waits for something to do.
    asleep: bool,
    closing: bool,
}

/// The queue between requests and the writer.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    space: Notify,
    capacity: usize,
}

/// Why an intent was not taken, with the intent.
#[derive(Debug)]
pub(crate) enum Rejected {
    Full(Box<Intent>),
    Closed,
}

impl Queue {
    pub(crate) fn new(capacity: usize) -> Self {
        let state = State { messages: Vec::new(), pending_intents: 0, asleep: false, closing: false };
        Self { state: Mutex::new(state), wake: Condvar::new(), space: Notify::new(), capacity }
    }

    pub(crate) fn push_intent(&self, slot: &Arc<Slot>, intent: Box<Intent>) -> Result<(), Rejected> {
        let mut state = self.lock();
        if state.closing {
            return Err(Rejected::Closed);
        }
        if state.pending_intents >= self.capacity {
            return Err(Rejected::Full(intent));
        }
        state.pending_intents += 1;
        state.messages.push(Message::Intent(Arc::clone(slot), intent));
        if state.asleep {
            state.asleep = false;
            drop(state);
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Takes an outcome; `false` when the log is closed.
    pub(crate) fn push_outcome(&self, slot: &Arc<Slot>, outcome: Box<Outcome>) -> bool {
        let mut state = self.lock();
        if state.closing {
            return false;
        }
        state.messages.push(Message::Outcome(Arc::clone(slot), outcome));
        if state.asleep {
            state.asleep = false;
            drop(state);
            self.wake.notify_one();
        }
        true
    }

    /// Waits until there may be room for an intent.
    pub(crate) async fn space(&self) {
        let space = self.space.notified();
        if self.lock().pending_intents < self.capacity {
            return;
        }
        space.await;
    }

    /// Takes everything queued into `batch`, which is empty, waiting for it. `false` when closed and empty.
    ///
    /// What has queued is written at once; no timer holds it back. But nobody
    /// waits for an outcome, so while only outcomes have queued a thread that is
    /// ready to queue more gets the processor first, as long as that brings
    /// more: on a busy machine they ride along with the next intent, and on an
    /// idle one nothing is ready and nothing waits.
    pub(crate) fn take(&self, batch: &mut Vec<Message>) -> bool {
        let mut state = self.lock();
        while state.messages.is_empty() {
            if state.closing {
                return false;
            }
            state.asleep = true;
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.asleep = false;
        for _ in 0..LONGEST_COURTESY {
            if has_intent(&state) {
                break;
            }
            let queued = state.messages.len();
            drop(state);
            std::thread::yield_now();
            state = self.lock();
            if state.messages.len() == queued {
                break;
            }
        }
        std::mem::swap(&mut state.messages, batch);
        true
    }

    /// Tells that `intents` of those taken are no longer pending.
    pub(crate) fn written(&self, intents: usize) {
        let mut state = self.lock();
        let was_full = state.pending_intents >= self.capacity;
        state.pending_intents -= intents;
        drop(state);
        if was_full {
            self.space.notify_waiters();
        }
    }

    /// Waits before a failed write is repeated. Returns whether the log is being closed.
    pub(crate) fn back_off(&self, pause: Duration) -> bool {
        let state = self.lock();
        let (state, _) = self.wake.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner);
        state.closing
    }

    /// Takes nothing more; what is queued is still written.
    pub(crate) fn close(&self) {
        self.lock().closing = true;
        self.wake.notify_all();
        self.space.notify_waiters();
    }

    pub(crate) fn pending_intents(&self) -> usize {
        self.lock().pending_intents
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an intent is among the queued.
fn has_intent(state: &State) -> bool {
    state.messages.iter().any(|message| matches!(message, Message::Intent(..)))
}

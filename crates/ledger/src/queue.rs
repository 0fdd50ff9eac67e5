//! What waits for the writer, and who waits for what waits.
//!
//! The bound is on intents that are not on disk yet: they are what a request
//! waits for. Outcomes are always taken, since each belongs to an intent that
//! was. Order is kept, so an outcome never meets the writer before its intent.

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::adoption::AdoptedRow;
use crate::day::Day;
use crate::record::{Intent, Outcome};

const QUEUED: u8 = 0;
const COMMITTED: u8 = 1;
const DROPPED: u8 = 2;

/// Where an intent's row is, once it is; shared by the ticket, the reference and the writer.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    seq: AtomicU64,
    day: AtomicI32,
    state: AtomicU8,
    /// The outcome is on disk, or never will be.
    ended: AtomicBool,
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

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Release);
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
    /// A row that another process wrote aside, to be numbered anew.
    Adopted(Arc<Slot>, AdoptedRow),
}

#[derive(Debug, Default)]
struct State {
    messages: Vec<Message>,
    pending_intents: usize,
    /// Whoever queues something leaves it to the writer's own thread.
    writer_only: bool,
    /// Something was left to that thread since it last began to write.
    left: bool,
    closing: bool,
}

/// The queue between requests and whoever writes.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    /// The writer's own thread has something to do.
    trouble: Condvar,
    /// Something has queued for the writer's own thread.
    queued: Condvar,
    space: Notify,
    capacity: usize,
}

/// What is to be done about something that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Whoever queued it writes it, unless somebody is writing already.
    Write,
    /// Nothing: the writer's own thread does.
    Wait,
}

/// Why an intent was not taken, with the intent.
#[derive(Debug)]
pub(crate) enum Rejected {
    Full(Box<Intent>),
    Closed,
}

impl Queue {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            state: Mutex::default(),
            trouble: Condvar::new(),
            queued: Condvar::new(),
            space: Notify::new(),
            capacity,
        }
    }

    pub(crate) fn push_intent(&self, slot: &Arc<Slot>, intent: Box<Intent>) -> Result<Taken, Rejected> {
        let mut state = self.lock();
        if state.closing {
            return Err(Rejected::Closed);
        }
        if state.pending_intents >= self.capacity {
            return Err(Rejected::Full(intent));
        }
        state.pending_intents += 1;
        Ok(self.push(&mut state, Message::Intent(Arc::clone(slot), intent)))
    }

    /// Takes an outcome; `None` when the log is closed.
    pub(crate) fn push_outcome(&self, slot: &Arc<Slot>, outcome: Box<Outcome>) -> Option<Taken> {
        let mut state = self.lock();
        (!state.closing).then(|| self.push(&mut state, Message::Outcome(Arc::clone(slot), outcome)))
    }

    /// Takes a row of another process, however full the queue is; `false` when the log is closed.
    pub(crate) fn push_adopted(&self, slot: &Arc<Slot>, row: AdoptedRow) -> bool {
        let mut state = self.lock();
        if state.closing {
            return false;
        }
        state.pending_intents += usize::from(row.is_intent());
        self.push(&mut state, Message::Adopted(Arc::clone(slot), row));
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

    /// Takes everything queued into `batch`, which is empty. `false` when there is nothing.
    pub(crate) fn take(&self, batch: &mut Vec<Message>) -> bool {
        std::mem::swap(&mut self.lock().messages, batch);
        !batch.is_empty()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().messages.is_empty()
    }

    /// Whether something has queued that whoever comes by is to write.
    pub(crate) fn has_work(&self) -> bool {
        let state = self.lock();
        !state.writer_only && !state.messages.is_empty()
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

    /// From now on the writer's own thread writes, and sees to what whoever calls this could not write.
    pub(crate) fn leave_to_writer(&self) {
        let mut state = self.lock();
        (state.writer_only, state.left) = (true, true);
        drop(state);
        self.trouble.notify_all();
        self.queued.notify_all();
    }

    /// The writer's own thread begins to write what was left to it.
    pub(crate) fn take_over(&self) {
        self.lock().left = false;
    }

    /// Has whoever queues something write it again, which it says, when there is nothing to write and the disk is not
    /// `slow`. On a slow one it waits until there is.
    pub(crate) fn hand_back(&self, slow: bool) -> bool {
        let mut state = self.lock();
        let is_idle = |state: &State| !state.left && state.messages.is_empty();
        if !is_idle(&state) {
            return false;
        }
        if !slow || state.closing {
            state.writer_only = false;
            return true;
        }
        let waited = self.queued.wait_while(state, |state| is_idle(state) && !state.closing);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        false
    }

    /// Waits until writing is left to the writer's own thread, or the log is being closed.
    pub(crate) fn wait_for_trouble(&self) {
        let state = self.lock();
        let waited = self.trouble.wait_while(state, |state| !state.writer_only && !state.closing);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Waits before a failed write is repeated. Returns whether the log is being closed.
    pub(crate) fn back_off(&self, pause: Duration) -> bool {
        let state = self.lock();
        let (state, _) = self.trouble.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner);
        state.closing
    }

    /// Takes nothing more; what is queued is still written.
    pub(crate) fn close(&self) {
        self.lock().closing = true;
        self.trouble.notify_all();
        self.queued.notify_all();
        self.space.notify_waiters();
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.lock().closing
    }

    pub(crate) fn pending_intents(&self) -> usize {
        self.lock().pending_intents
    }

    fn push(&self, state: &mut State, message: Message) -> Taken {
        state.messages.push(message);
        if state.writer_only {
            self.queued.notify_one();
            Taken::Wait
        } else {
            Taken::Write
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

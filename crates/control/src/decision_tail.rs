//! The tail of the decision log: decisions as they end, to whoever follows.
//!
//! A follower is woken when rows were filed and reads just those; it asks nothing
//! in between. It holds one batch at most: when decisions end faster than it is
//! read, it is told that it missed some, and goes on with the newest.

use std::collections::VecDeque;

use relay_ledger::{Behind, Decision, Filter, Follower, LedgerReader, ReadError, TailCursor};

use crate::Control;
use crate::page::QueryError;

/// Decisions that are held for one follower.
const BATCH: usize = 500;

/// What a follower is told.
#[derive(Clone, Debug)]
pub enum TailEvent {
    /// A request ended.
    Ended {
        /// Where to go on after it.
        cursor: TailCursor,
        /// Its decision.
        decision: Box<Decision>,
    },
    /// Some that ended after the cursor are not told: there were too many.
    Lagged(TailCursor),
}

/// Decisions as they end.
#[derive(Debug)]
pub struct DecisionTail {
    reader: LedgerReader,
    filter: Filter,
    follower: Follower,
    /// Everything up to here was told.
    told: TailCursor,
    ready: VecDeque<Decision>,
    /// What was filed is looked up from `told` on.
    is_behind: bool,
    /// There was more than a batch holds.
    has_lagged: bool,
}

impl Control {
    /// Follows the decisions that match and end from now on, or those that ended after a cursor as well.
    pub fn follow_decisions(&self, filter: Filter, after: Option<TailCursor>) -> DecisionTail {
        DecisionTail {
            reader: self.reader.clone(),
            filter,
            // Before anything is looked up, so that nothing falls between.
            follower: self.parts.ledger.follow(),
            told: after.unwrap_or_else(|| TailCursor::at(self.now())),
            ready: VecDeque::new(),
            is_behind: after.is_some(),
            has_lagged: false,
        }
    }
}

impl DecisionTail {
    /// Waits for the next; `None` when the log is closed.
    ///
    /// A dropped future loses what was just read: drop the tail with it.
    ///
    /// # Errors
    /// When the log cannot be read; then the tail is over.
    pub async fn next(&mut self) -> Result<Option<TailEvent>, QueryError> {
        loop {
            if let Some(decision) = self.ready.pop_front() {
                let cursor = TailCursor::of(&decision).unwrap_or(self.told);
                self.told = self.told.max(cursor);
                return Ok(Some(TailEvent::Ended { cursor, decision: Box::new(decision) }));
            }
            if std::mem::take(&mut self.has_lagged) {
                return Ok(Some(TailEvent::Lagged(self.told)));
            }
            if std::mem::take(&mut self.is_behind) {
                let told = self.told;
                self.take(move |log, filter| log.ended_since(told, filter, BATCH)).await?;
                continue;
            }
            match self.follower.next().await {
                Some(Ok(ended)) => self.take(move |log, filter| log.ended(&ended, filter, BATCH)).await?,
                Some(Err(Behind)) => self.is_behind = true,
                None => return Ok(None),
            }
        }
    }

    /// Reads a batch on a thread that may block.
    async fn take(
        &mut self,
        read: impl FnOnce(&LedgerReader, &Filter) -> Result<(Vec<Decision>, bool), ReadError> + Send + 'static,
    ) -> Result<(), QueryError> {
        let (log, filter) = (self.reader.clone(), self.filter.clone());
        let read = tokio::task::spawn_blocking(move || read(&log, &filter));
        let (found, is_more) = read.await.map_err(|_| QueryError::Aborted)??;
        self.ready = found.into();
        self.has_lagged = is_more;
        Ok(())
    }
}

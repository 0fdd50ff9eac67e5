//! Requests as they end, for live views.
//!
//! Filing tells which outcomes it has just filed; whoever follows then reads
//! those by their sequence numbers, each follower its own filter. So nobody asks
//! SQLite whether there is something new, and a follower costs nothing while
//! nothing ends. What a follower cannot take in time it looks up from where it
//! was ([`LedgerReader::ended_since`](crate::LedgerReader::ended_since)), within bounds.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::day::Day;
use crate::decision::Decision;

/// Rounds of filing that a follower may be behind: a round a second is usual.
const ROUNDS: usize = 64;

/// Outcomes filed in one go.
#[derive(Clone, Debug)]
pub struct Ended {
    pub(crate) day: Day,
    pub(crate) seqs: Arc<[u64]>,
}

/// A place among the requests that have ended, ordered by when that was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TailCursor {
    pub(crate) ended_at: i64,
    pub(crate) seq: u64,
}

/// The text is no [`TailCursor`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not one that the stream gave")]
pub struct NoTailCursor;

/// Filing went on faster than the follower took it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behind;

/// Follows what is filed.
#[derive(Debug)]
pub struct Follower(broadcast::Receiver<Ended>);

/// The filing thread's side.
#[derive(Debug)]
pub(crate) struct Announcer(broadcast::Sender<Ended>);

impl Default for Announcer {
    fn default() -> Self {
        Self(broadcast::Sender::new(ROUNDS))
    }
}

impl Announcer {
    /// Tells what was filed; nobody may listen.
    pub(crate) fn tell(&self, day: Day, seqs: Vec<u64>) {
        if !seqs.is_empty() && self.0.receiver_count() > 0 {
            let _ = self.0.send(Ended { day, seqs: seqs.into() });
        }
    }

    pub(crate) fn follow(&self) -> Follower {
        Follower(self.0.subscribe())
    }
}

impl Follower {
    /// Waits for the next outcomes; `None` when the log is closed.
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`Behind`] once, when some were missed.
    pub async fn next(&mut self) -> Option<Result<Ended, Behind>> {
        match self.0.recv().await {
            Ok(ended) => Some(Ok(ended)),
            Err(RecvError::Lagged(_)) => Some(Err(Behind)),
            Err(RecvError::Closed) => None,
        }
    }
}

impl TailCursor {
    /// Before everything that ends after `at`.
    pub fn at(at: Timestamp) -> Self {
        Self { ended_at: at.as_microsecond(), seq: u64::MAX >> 1 }
    }

    /// The place of a decision; `None` while it has not ended.
    pub fn of(decision: &Decision) -> Option<Self> {
        Some(Self { ended_at: decision.ended_at?.as_microsecond(), seq: decision.seq })
    }

    /// Back by `span`: rows are not filed exactly in the order in which requests ended.
    pub(crate) fn back(self, span: SignedDuration) -> Self {
        Self { ended_at: self.ended_at.saturating_sub(span.as_micros() as i64), seq: 0 }
    }
}

impl fmt::Display for TailCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ended_at, self.seq)
    }
}

impl FromStr for TailCursor {
    type Err = NoTailCursor;

    fn from_str(text: &str) -> Result<Self, NoTailCursor> {
        let (ended_at, seq) = text.split_once('-').ok_or(NoTailCursor)?;
        let ended_at = ended_at.parse().map_err(|_| NoTailCursor)?;
        // Sequence numbers are SQLite's; and a time that is none would overflow on the way to one.
        let seq = seq.parse::<i64>().ok().and_then(|seq| u64::try_from(seq).ok()).ok_or(NoTailCursor)?;
        Timestamp::from_microsecond(ended_at).map_err(|_| NoTailCursor)?;
        Ok(Self { ended_at, seq })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_being_written() {
        let cursor = TailCursor { ended_at: 1_793_534_400_000_000, seq: 7 };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in ["", "7", "a-7", "7-", "-7-7", "7--1", "9223372036854775807-1", "1-9223372036854775808"] {
            assert_eq!(text.parse::<TailCursor>(), Err(NoTailCursor), "{text}");
        }
    }
}

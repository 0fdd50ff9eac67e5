//! How long things take to come back: learned per (host, class), so that a first
//! open period fits what a host usually does (spec §5; field note 22: 600 s of
//! cool-down where the median recovery took 17).
//!
//! An outage begins when a breaker opens or a limit is met, and its end is seen only by
//! asking: it lies between the last request that failed and the first that succeeded
//! was sent. The middle of the two is what is learned, so that an estimate can fall as
//! well as rise: of a period that was too long the middle is shorter, and a failed
//! probe makes it longer.
//!
//! Not every return is an observation. When nobody asked for as long again as the last period
//! was, or when the host itself had said how long to wait, nothing is learned.

use std::time::{Duration, Instant};

/// Enough for a median that one odd outage does not move far, and little enough to
/// forget how the host was before its last move.
const KEPT: usize = 9;

/// The last recoveries of one (host, class).
#[derive(Clone, Copy, Debug, Default)]
pub struct Recovery {
    millis: [u32; KEPT],
    seen: u32,
}

impl Recovery {
    /// Notes one; see the module for what counts.
    pub fn observe(&mut self, took: Duration) {
        let millis = u32::try_from(took.as_millis()).unwrap_or(u32::MAX);
        self.millis[self.seen as usize % KEPT] = millis;
        // Past this it wraps to a full ring, not to an empty one.
        self.seen = self.seen.checked_add(1).unwrap_or(KEPT as u32);
    }

    /// Those that are kept, oldest first.
    pub fn kept(&self) -> impl Iterator<Item = Duration> {
        let known = KEPT.min(self.seen as usize);
        let first = self.seen as usize - known;
        (first..first + known).map(|number| Duration::from_millis(u64::from(self.millis[number % KEPT])))
    }

    /// The median of those that are kept; `None` when there is none.
    pub fn median(&self) -> Option<Duration> {
        let known = KEPT.min(self.seen as usize);
        let mut sorted = self.millis;
        let sorted = &mut sorted[..known];
        sorted.sort_unstable();
        // Of an even number the lower one: a probe too early costs one request.
        let middle = sorted.get(known.checked_sub(1)? / 2)?;
        Some(Duration::from_millis(u64::from(*middle)))
    }
}

/// An outage as its end is met.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outage {
    /// When it began.
    pub(crate) began: Instant,
    /// The last request that failed.
    pub(crate) failed: Instant,
    /// When asking was allowed again.
    pub(crate) due: Instant,
}

impl Outage {
    /// How long it took, given when the first request that succeeded was sent; `None` when
    /// nobody asked in time: by then the outage may have been over for long.
    pub(crate) fn took(self, sent: Instant) -> Option<Duration> {
        let late = sent.saturating_duration_since(self.due);
        if late > self.due.saturating_duration_since(self.failed) {
            return None;
        }
        let to_the_last_failure = self.failed.saturating_duration_since(self.began);
        Some(to_the_last_failure + sent.saturating_duration_since(self.failed) / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_median_of_the_last_nine_is_known() {
        let mut recovery = Recovery::default();
        assert_eq!(recovery.median(), None);
        for (took, median) in [(60, 60), (10, 10), (20, 20), (20, 20), (90, 20)] {
            recovery.observe(seconds(took));
            assert_eq!(recovery.median(), Some(seconds(median)), "{took}");
        }
        (0..9).for_each(|_| recovery.observe(seconds(1)));
        assert_eq!(recovery.median(), Some(seconds(1)));
        recovery.observe(Duration::MAX);
        assert_eq!(recovery.median(), Some(seconds(1)));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "an origin to count from; the clock is not read again")]
    fn an_outage_ends_between_the_last_failure_and_the_first_success() {
        let began = Instant::now();
        let took = |failed, due, sent| {
            let outage = Outage { began, failed: began + seconds(failed), due: began + seconds(due) };
            outage.took(began + seconds(sent))
        };
        assert_eq!(took(0, 10, 10), Some(seconds(5)));
        assert_eq!(took(10, 30, 30), Some(seconds(20)));
        assert_eq!(took(10, 30, 50), Some(seconds(30)));
        assert_eq!(took(10, 30, 51), None);
        // In panic it was asked before it was due.
        assert_eq!(took(10, 30, 12), Some(seconds(11)));
    }
}

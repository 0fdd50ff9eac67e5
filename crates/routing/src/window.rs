//! Successes and failures of the last while, in a fixed ring of buckets.
//!
//! A count leaves with its bucket: after nine tenths of the window at the earliest, and
//! after all of it at the latest.

use std::time::{Duration, Instant};

const BUCKETS: u64 = 10;

/// How many of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Attempts that ended well.
    pub succeeded: u32,
    /// Attempts that failed.
    pub failed: u32,
}

impl Counts {
    /// All of them.
    pub fn total(self) -> u32 {
        self.succeeded.saturating_add(self.failed)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Window {
    bucket_nanos: u64,
    origin: Option<Instant>,
    /// Number of the youngest bucket since the origin.
    tick: u64,
    buckets: [Counts; BUCKETS as usize],
}

impl Window {
    pub(crate) fn new(span: Duration) -> Self {
        let bucket_nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX) / BUCKETS;
        Self {
            bucket_nanos: bucket_nanos.max(1),
            origin: None,
            tick: 0,
            buckets: [Counts::default(); BUCKETS as usize],
        }
    }

    pub(crate) fn succeed(&mut self, now: Instant) {
        let bucket = self.bucket(now);
        bucket.succeeded = bucket.succeeded.saturating_add(1);
    }

    pub(crate) fn fail(&mut self, now: Instant) {
        let bucket = self.bucket(now);
        bucket.failed = bucket.failed.saturating_add(1);
    }

    pub(crate) fn clear(&mut self) {
        self.buckets = [Counts::default(); BUCKETS as usize];
    }

    /// What is in the window at `now`.
    pub(crate) fn counts(&self, now: Instant) -> Counts {
        let gone = self.tick_at(now) - self.tick;
        let young = (gone.min(BUCKETS)..BUCKETS).map(|age| self.buckets[Self::place(self.tick + BUCKETS + gone - age)]);
        young.fold(Counts::default(), |sum, counts| Counts {
            succeeded: sum.succeeded.saturating_add(counts.succeeded),
            failed: sum.failed.saturating_add(counts.failed),
        })
    }

    /// The bucket of `now`, after emptying those that have become too old.
    fn bucket(&mut self, now: Instant) -> &mut Counts {
        self.origin.get_or_insert(now);
        let tick = self.tick_at(now);
        for passed in (self.tick + 1..=tick).take(BUCKETS as usize) {
            self.buckets[Self::place(passed)] = Counts::default();
        }
        self.tick = tick;
        &mut self.buckets[Self::place(tick)]
    }

    /// Never before the youngest bucket: threads read the clock in one order and get
    /// here in another.
    fn tick_at(&self, now: Instant) -> u64 {
        let Some(origin) = self.origin else { return self.tick };
        let nanos = u64::try_from(now.saturating_duration_since(origin).as_nanos()).unwrap_or(u64::MAX);
        (nanos / self.bucket_nanos).max(self.tick)
    }

    fn place(tick: u64) -> usize {
        (tick % BUCKETS) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(succeeded: u32, failed: u32) -> Counts {
        Counts { succeeded, failed }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "an origin to count from; the clock is not read again")]
    fn what_is_older_than_the_window_is_gone() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut window = Window::new(Duration::from_secs(10));
        assert_eq!(window.counts(at(0)), counts(0, 0));
        window.fail(at(0));
        window.fail(at(999));
        window.succeed(at(5000));
        assert_eq!(window.counts(at(9999)), counts(1, 2));
        assert_eq!(window.counts(at(10_000)), counts(1, 0));
        window.succeed(at(12_000));
        assert_eq!(window.counts(at(12_000)), counts(2, 0));
        // A clock that was read earlier and comes later counts as now.
        window.fail(at(11_000));
        assert_eq!(window.counts(at(3000)), counts(2, 1));
        assert_eq!(window.counts(at(14_999)), counts(2, 1));
        assert_eq!(window.counts(at(15_000)), counts(1, 1));
        assert_eq!(window.counts(at(1_000_000_000)), counts(0, 0));
        window.succeed(at(1_000_000_000));
        assert_eq!(window.counts(at(1_000_000_000)), counts(1, 0));
    }
}

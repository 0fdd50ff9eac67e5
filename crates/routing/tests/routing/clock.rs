//! Time that tests move by hand.

use std::time::{Duration, Instant};

/// Monotonic time that stands still until it is moved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "an origin to count from; the real clock is not read again")]
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn now(&self) -> Instant {
        self.0
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        self.0 += by;
    }

    pub(crate) fn set(&mut self, at: Instant) {
        self.0 = at;
    }
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

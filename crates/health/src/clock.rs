//! Points in time that fit an atomic.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// What points are counted from: a moment before anything happened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin(Instant);

impl Origin {
    pub(crate) fn new(now: Instant) -> Self {
        Self(now)
    }

    /// Microseconds since, and one: 0 is never.
    fn micros(self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.0).as_micros()).unwrap_or(u64::MAX - 1) + 1
    }
}

/// A point in time, or never. It only caches what a lock guards, so no order with
/// other memory is needed.
#[derive(Debug, Default)]
pub(crate) struct AtomicInstant(AtomicU64);

impl AtomicInstant {
    pub(crate) fn store(&self, origin: Origin, at: Option<Instant>) {
        self.0.store(at.map_or(0, |at| origin.micros(at)), Ordering::Relaxed);
    }

    /// The point, when it is after `now`.
    pub(crate) fn after(&self, origin: Origin, now: Instant) -> Option<Instant> {
        let micros = self.0.load(Ordering::Relaxed);
        // Mostly nothing is set, and no arithmetic is needed to see that.
        (micros > 0 && micros > origin.micros(now)).then(|| origin.0 + Duration::from_micros(micros - 1))
    }

    /// Whether the point is not longer ago than `span`.
    pub(crate) fn is_within(&self, origin: Origin, now: Instant, span: Duration) -> bool {
        let micros = self.0.load(Ordering::Relaxed);
        micros > 0 && micros + u64::try_from(span.as_micros()).unwrap_or(u64::MAX / 2) >= origin.micros(now)
    }

    /// The point.
    pub(crate) fn get(&self, origin: Origin) -> Option<Instant> {
        let micros = self.0.load(Ordering::Relaxed);
        (micros > 0).then(|| origin.0 + Duration::from_micros(micros - 1))
    }
}

/// The moment of `at` on the other clock, which stands at `now` when the wall's stands at `wall`.
pub(crate) fn off_the_wall(at: Timestamp, now: Instant, wall: Timestamp) -> Instant {
    let span = wall.duration_since(at);
    let moved =
        if span.is_negative() { now.checked_add(span.unsigned_abs()) } else { now.checked_sub(span.unsigned_abs()) };
    moved.unwrap_or(now)
}

/// `at` on the wall's clock, which stands at `wall` when the other stands at `now`.
pub(crate) fn on_the_wall(at: Instant, now: Instant, wall: Timestamp) -> Timestamp {
    let signed = |span| SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
    let moved = if at >= now { wall.checked_add(signed(at - now)) } else { wall.checked_sub(signed(now - at)) };
    moved.unwrap_or(wall)
}

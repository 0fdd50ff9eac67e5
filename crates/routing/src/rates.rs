//! How a route has been doing lately, for people: answers and failures of the last five
//! minutes, and the time to the first output. Nothing is decided by it.

use std::time::{Duration, Instant};

use crate::window::{Counts, Window};

/// What is counted.
const SPAN: Duration = Duration::from_mins(5);

/// Each sample's weight halves after this time, so that percentiles follow the present and a
/// calm route still has some.
const HALF_LIFE: Duration = Duration::from_mins(5);

/// A sample is worth this when it comes, and less each half-life until it is gone.
const WEIGHT: u32 = 256;

/// Buckets of the histogram: four to each doubling, up to 35 minutes.
const BUCKETS: usize = 80;

/// What people are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Attempts of the last five minutes.
    pub counts: Counts,
    /// Median time to the first output, to an eighth; `None` when none is known.
    pub ttft_p50: Option<Duration>,
    /// The same of the slowest in a hundred.
    pub ttft_p99: Option<Duration>,
}

/// Recent attempts of a route.
#[derive(Clone, Debug)]
pub struct Rates {
    window: Window,
    first_output: Histogram,
}

impl Default for Rates {
    fn default() -> Self {
        Self { window: Window::new(SPAN), first_output: Histogram::default() }
    }
}

impl Rates {
    /// A host's first output came after `ttft`.
    pub fn first_output(&mut self, ttft: Duration, now: Instant) {
        self.first_output.record(ttft, now);
    }

    /// An attempt ended well.
    pub fn succeeded(&mut self, now: Instant) {
        self.window.succeed(now);
    }

    /// An attempt failed.
    pub fn failed(&mut self, now: Instant) {
        self.window.fail(now);
    }

    /// What there is to show.
    pub fn summary(&self, now: Instant) -> Summary {
        let percentile = |percent| self.first_output.percentile(percent);
        Summary { counts: self.window.counts(now), ttft_p50: percentile(50), ttft_p99: percentile(99) }
    }
}

/// Times by their order of magnitude, with weights that fade.
#[derive(Clone, Debug)]
struct Histogram {
    origin: Option<Instant>,
    half_lives: u32,
    weights: [u32; BUCKETS],
}

impl Default for Histogram {
    fn default() -> Self {
        Self { origin: None, half_lives: 0, weights: [0; BUCKETS] }
    }
}

impl Histogram {
    fn record(&mut self, time: Duration, now: Instant) {
        let origin = *self.origin.get_or_insert(now);
        let half_lives = (now.saturating_duration_since(origin).as_secs() / HALF_LIFE.as_secs()) as u32;
        if let Some(passed) = half_lives.checked_sub(self.half_lives).filter(|passed| *passed > 0) {
            self.half_lives = half_lives;
            self.weights.iter_mut().for_each(|weight| *weight = weight.checked_shr(passed).unwrap_or(0));
        }
        let bucket = &mut self.weights[bucket(time)];
        *bucket = bucket.saturating_add(WEIGHT);
    }

    /// The middle of the bucket that holds it.
    fn percentile(&self, percent: u64) -> Option<Duration> {
        let total: u64 = self.weights.iter().map(|weight| u64::from(*weight)).sum();
        let rank = (total * percent).div_ceil(100).max(1);
        let mut below = 0;
        let found = self.weights.iter().position(|weight| {
            below += u64::from(*weight);
            below >= rank
        })?;
        Some(Duration::from_micros(lower_micros(found).midpoint(lower_micros(found + 1))))
    }
}

/// Milliseconds by their highest bit and the two after it.
fn bucket(time: Duration) -> usize {
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    if millis < 4 {
        return millis as usize;
    }
    let octave = millis.ilog2();
    let quarter = (millis >> (octave - 2)) & 3;
    (4 * (octave as usize - 1) + quarter as usize).min(BUCKETS - 1)
}

/// Where a bucket begins.
fn lower_micros(bucket: usize) -> u64 {
    let millis = match bucket {
        0..4 => bucket as u64,
        _ => (4 + bucket as u64 % 4) << (bucket / 4 - 1),
    };
    millis * 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_what_lies_between_its_ends() {
        for millis in (0..5000).chain([59_999, 60_000, 300_000, 2_097_151]) {
            let bucket = bucket(Duration::from_millis(millis));
            assert!(lower_micros(bucket) <= millis * 1000, "{millis}");
            assert!(millis * 1000 < lower_micros(bucket + 1), "{millis}");
        }
        assert_eq!(bucket(Duration::MAX), BUCKETS - 1);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "an origin to count from; the clock is not read again")]
    fn percentiles_follow_the_present() {
        let start = Instant::now();
        let mut rates = Rates::default();
        assert_eq!(rates.summary(start), Summary { counts: Counts::default(), ttft_p50: None, ttft_p99: None });
        for millis in 1..=1000 {
            rates.first_output(Duration::from_millis(millis), start);
            rates.succeeded(start);
        }
        rates.failed(start);
        let near =
            |time: Option<Duration>, millis: f64| (time.unwrap().as_secs_f64() * 1000.0 / millis - 1.0).abs() < 0.13;
        let summary = rates.summary(start);
        assert_eq!(summary.counts, Counts { succeeded: 1000, failed: 1 });
        assert!(near(summary.ttft_p50, 500.0) && near(summary.ttft_p99, 990.0), "{summary:?}");

        // A calm route keeps its percentiles; new samples outweigh old ones in time.
        let later = start + Duration::from_hours(1);
        let summary = rates.summary(later);
        assert_eq!(summary.counts, Counts::default());
        assert!(near(summary.ttft_p50, 500.0));
        rates.first_output(Duration::from_secs(5), later);
        assert!(near(rates.summary(later).ttft_p50, 5000.0));
    }
}

//! How long periods are: learned ones within bounds, doubled, and with jitter (±20 %, spec
//! §5), so that what failed together does not come back together.

use std::time::Duration;

/// `fraction`, in 0.0..1.0, moves the period to between 80 and 120 percent of itself.
pub(crate) fn jittered(period: Duration, fraction: f64) -> Duration {
    // A careless argument must not make a deadline of a thousand years, or a panic.
    let fraction = if fraction.is_nan() { 0.0 } else { fraction.clamp(0.0, 1.0) };
    period.mul_f64(0.8 + 0.4 * fraction)
}

/// Twice the period, at most `longest`.
pub(crate) fn doubled(period: Duration, longest: Duration) -> Duration {
    period.saturating_mul(2).min(longest)
}

/// A learned period instead of the `usual` one. Below a quarter of that it is not believed: an
/// outage that is over at the first try teaches half of the period, and so on to nothing.
pub(crate) fn believable(learned: Duration, usual: Duration, longest: Duration) -> Duration {
    learned.max(usual / 4).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_is_a_fifth_either_way() {
        let period = Duration::from_secs(10);
        for (fraction, expected) in [(0.0, 8), (0.5, 10), (1.0, 12), (-3.0, 8), (9.0, 12), (f64::NAN, 8)] {
            assert_eq!(jittered(period, fraction), Duration::from_secs(expected), "{fraction}");
        }
    }

    #[test]
    fn what_was_learned_is_believed_within_bounds() {
        let believable = |millis| {
            believable(Duration::from_millis(millis), Duration::from_secs(5), Duration::from_mins(2)).as_millis()
        };
        assert_eq!([believable(0), believable(17_000), believable(900_000)], [1250, 17_000, 120_000]);
    }

    #[test]
    fn doubling_ends_at_the_longest() {
        let doubled = |seconds| doubled(Duration::from_secs(seconds), Duration::from_mins(2)).as_secs();
        assert_eq!([doubled(5), doubled(60), doubled(61), doubled(u64::MAX)], [10, 120, 120, 120]);
    }
}

//! An operator clears many cool-downs: not all at once, or everything that had been kept
//! away arrives together (spec §5; field note 26: a bulk reset flooded the hosts).

use std::time::{Duration, Instant};

/// Between two of few.
const APART: Duration = Duration::from_millis(500);

/// What many are spread over at most.
const WITHIN: Duration = Duration::from_secs(30);

/// When each of `count` things is to be half-open: the first at once, the others evenly
/// after it. Put those first that are due first. `at_once` of the API is `now` for all.
pub fn staggered(now: Instant, count: usize) -> impl ExactSizeIterator<Item = Instant> {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    let apart = APART.min(WITHIN / count.max(1));
    (0..count).map(move |place| now + apart * place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "an origin to count from; the clock is not read again")]
    fn clearing_is_spread_evenly_and_ends_in_time() {
        let now = Instant::now();
        let offsets = |count| staggered(now, count).map(|at| (at - now).as_millis()).collect::<Vec<_>>();
        assert_eq!(offsets(0), []);
        assert_eq!(offsets(1), [0]);
        assert_eq!(offsets(3), [0, 500, 1000]);
        let many = offsets(10_000);
        assert_eq!((many.len(), many[1], many[9999]), (10_000, 3, 29_997));
        assert!(many.is_sorted());
    }
}

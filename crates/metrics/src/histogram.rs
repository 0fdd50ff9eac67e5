//! Spans counted in fixed buckets.

use std::sync::atomic::{AtomicU64, Ordering};

/// The upper bounds of a histogram's buckets.
#[derive(Debug)]
pub struct Buckets(&'static [u64]);

impl Buckets {
    /// Bounds in microseconds, each inclusive and larger than the one before; a last bucket without a
    /// bound follows.
    pub const fn of_micros(bounds: &'static [u64]) -> Self {
        let mut next = 1;
        while next < bounds.len() {
            assert!(bounds[next - 1] < bounds[next], "bounds ascend");
            next += 1;
        }
        Self(bounds)
    }
}

/// How often spans were how long. A reader may see a span in its bucket and not yet in the
/// sum: to a rate over seconds that is nothing.
#[derive(Debug)]
pub struct Histogram {
    buckets: &'static Buckets,
    counts: Box<[AtomicU64]>,
    sum_micros: AtomicU64,
}

impl Histogram {
    /// With nothing in it.
    pub fn new(buckets: &'static Buckets) -> Self {
        let counts = (0..=buckets.0.len()).map(|_| AtomicU64::new(0)).collect();
        Self { buckets, counts, sum_micros: AtomicU64::new(0) }
    }

    /// Counts a span of so many microseconds.
    pub fn observe(&self, micros: u64) {
        let bucket = self.buckets.0.partition_point(|bound| *bound < micros);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// Each bucket's bound in seconds and what is in it alone; the last is infinite.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        let bounds = self.buckets.0.iter().map(|micros| seconds(*micros)).chain([f64::INFINITY]);
        bounds.zip(self.counts.iter().map(|count| count.load(Ordering::Relaxed)))
    }

    /// All spans together.
    pub fn sum_seconds(&self) -> f64 {
        seconds(self.sum_micros.load(Ordering::Relaxed))
    }
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    static BUCKETS: Buckets = Buckets::of_micros(&[10, 20, 40]);

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let histogram = Histogram::new(&BUCKETS);
        for micros in [0, 10, 11, 20, 40, 41, u64::from(u32::MAX)] {
            histogram.observe(micros);
        }
        let counts: Vec<u64> = histogram.buckets().map(|(_, count)| count).collect();
        assert_eq!(counts, [2, 2, 1, 2]);
    }
}

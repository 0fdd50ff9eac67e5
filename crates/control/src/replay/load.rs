//! How much a host has to do at once, as requests pass by in the order of their arrival.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

const MINUTE: i64 = 60_000_000;

/// Requests in flight and per minute at one host or group; what it keeps is as much as is in flight.
#[derive(Debug, Default)]
pub(super) struct Load {
    /// Ends of the requests in flight, in microseconds.
    ends: BinaryHeap<Reverse<i64>>,
    /// Most requests in flight at a moment.
    pub(super) peak_concurrency: u32,
    minute: i64,
    in_minute: u32,
    /// Most requests that arrived in a minute of the clock.
    pub(super) peak_rpm: u32,
}

impl Load {
    /// Takes in a request that arrived at `at` and took so long.
    pub(super) fn add(&mut self, at: i64, took_us: u64) {
        while self.ends.peek().is_some_and(|Reverse(end)| *end <= at) {
            self.ends.pop();
        }
        self.ends.push(Reverse(at.saturating_add_unsigned(took_us)));
        self.peak_concurrency = self.peak_concurrency.max(self.ends.len() as u32);
        let minute = at.div_euclid(MINUTE);
        if minute != self.minute {
            (self.minute, self.in_minute) = (minute, 0);
        }
        self.in_minute += 1;
        self.peak_rpm = self.peak_rpm.max(self.in_minute);
    }
}

/// Durations in classes that are a sixteenth wide, so that a median of a million needs no million numbers.
#[derive(Debug)]
pub(super) struct Durations {
    classes: Vec<u64>,
    count: u64,
}

impl Default for Durations {
    fn default() -> Self {
        Self { classes: vec![0; 64 * 16], count: 0 }
    }
}

impl Durations {
    pub(super) fn add(&mut self, us: u64) {
        self.classes[class(us)] += 1;
        self.count += 1;
    }

    /// So many of a thousand take no longer, in milliseconds.
    pub(super) fn permille(&self, permille: u64) -> u64 {
        let wanted = (self.count * permille).div_ceil(1_000);
        let mut seen = 0;
        for (class, count) in self.classes.iter().enumerate() {
            seen += count;
            if seen >= wanted && seen > 0 {
                return upper_end(class) / 1_000;
            }
        }
        0
    }
}

/// Four bits behind the highest one.
fn class(us: u64) -> usize {
    if us < 16 {
        return us as usize;
    }
    let exponent = us.ilog2() as usize;
    (exponent << 4) | (us >> (exponent - 4)) as usize & 0xf
}

fn upper_end(class: usize) -> u64 {
    if class < 64 {
        return class as u64;
    }
    let (exponent, mantissa) = (class >> 4, (class & 0xf) as u64);
    u64::try_from((u128::from(17 + mantissa) << (exponent - 4)) - 1).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_that_have_ended_are_not_in_flight() {
        let mut load = Load::default();
        for (at, took) in [(0, 10), (5, 10), (10, 1), (20, 5), (21, 5), (22, 5)] {
            load.add(at, took);
        }
        assert_eq!((load.peak_concurrency, load.peak_rpm), (3, 6));
        let mut load = Load::default();
        for second in 0..180 {
            load.add(second * 1_000_000, 1);
        }
        assert_eq!((load.peak_concurrency, load.peak_rpm), (1, 60));
    }

    #[test]
    fn a_median_is_right_to_a_sixteenth() {
        let mut durations = Durations::default();
        assert_eq!(durations.permille(500), 0);
        (1..=1_000).for_each(|ms| durations.add(ms * 1_000));
        for (permille, exact) in [(500, 500_u64), (990, 990)] {
            let told = durations.permille(permille);
            assert!(told >= exact && told <= exact + exact / 16 + 1, "{permille}: {told}");
        }
    }

    #[test]
    fn every_duration_is_within_its_class() {
        for us in (0..70_000).chain([u64::MAX, 1 << 40]) {
            let class = class(us);
            assert!(upper_end(class) >= us, "{us}");
            assert!(class == 0 || upper_end(class - 1) < us || class <= 64, "{us} {class}");
        }
    }
}

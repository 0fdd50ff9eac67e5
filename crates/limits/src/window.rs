//! What happened in the last so-and-so many microseconds, in bounded memory.
//!
//! Events that come close together share a bucket, which is kept until its
//! *last* event has left the window: the sum is never too small, and exact as long
//! as events are further apart than a thirtieth of the window, or all at once.

use std::collections::VecDeque;

/// Buckets at most: 30 and the one being left. More would make lumps smaller
/// and every key heavier; 2 s of a minute are what clients back off by anyway.
const BUCKETS: u64 = 30;

#[derive(Clone, Copy, Debug)]
struct Bucket {
    first: u64,
    last: u64,
    amount: u64,
}

/// A sliding window. Times are microseconds of a clock that does not go back.
#[derive(Clone, Debug)]
pub struct Window {
    span: u64,
    buckets: VecDeque<Bucket>,
    sum: u64,
}

impl Window {
    /// An empty window of `span` microseconds.
    pub fn new(span: u64) -> Self {
        Self { span, buckets: VecDeque::new(), sum: 0 }
    }

    /// Counts `amount` at `now`.
    pub fn add(&mut self, now: u64, amount: u64) {
        self.forget(now);
        self.sum = self.sum.saturating_add(amount);
        match self.buckets.back_mut() {
            Some(newest) if now < newest.first + self.span / BUCKETS => {
                newest.last = newest.last.max(now);
                newest.amount = newest.amount.saturating_add(amount);
            }
            _ => self.buckets.push_back(Bucket { first: now, last: now, amount }),
        }
    }

    /// Takes back what was counted at `at`, if it is still there.
    pub fn take_back(&mut self, at: u64, amount: u64) {
        let Some(place) = self.buckets.iter().position(|bucket| bucket.last >= at) else { return };
        let taken = amount.min(self.buckets[place].amount);
        self.buckets[place].amount -= taken;
        self.sum -= taken;
        if self.buckets[place].amount == 0 {
            self.buckets.remove(place);
        }
    }

    /// What is counted in the window that ends at `now`.
    pub fn sum(&mut self, now: u64) -> u64 {
        self.forget(now);
        self.sum
    }

    /// Microseconds from `now` until less than `limit` is counted, if nothing is added; 0 when it is.
    /// A limit of 0 is never kept: the whole span.
    pub fn until_below(&mut self, limit: u64, now: u64) -> u64 {
        self.forget(now);
        let mut left = self.sum;
        let mut wait = 0;
        for bucket in &self.buckets {
            if left < limit {
                return wait;
            }
            left -= bucket.amount;
            wait = bucket.last + self.span - now;
        }
        if left < limit { wait } else { self.span }
    }

    /// Microseconds from `now` until nothing is counted any more, if nothing is added.
    pub fn until_empty(&mut self, now: u64) -> u64 {
        self.forget(now);
        self.buckets.back().map_or(0, |newest| newest.last + self.span - now)
    }

    fn forget(&mut self, now: u64) {
        while let Some(oldest) = self.buckets.front()
            && oldest.last + self.span <= now
        {
            self.sum -= oldest.amount;
            self.buckets.pop_front();
        }
    }

    /// Buckets in memory, for those who watch its bound.
    pub fn buckets(&self) -> usize {
        self.buckets.len()
    }
}

//! What happened in the last so-and-so many microseconds, in bounded memory.
//!
//! Events that come close together share a bucket, which is kept until its
//! *last* event has left the window: the sum is never too small, and exact as long
//! as events are further apart than a thirtieth of the window, or all at once.

use std::collections::VecDeque;

/// Buckets at most: 30 and the one being left. More would make lumps smaller
/// and every key heavier; 2 s of a minute are what clients back off by anyway.
const BUCKETS: u64 = 30;

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    first: u64,
    last: u64,
    amount: u64,
}

/// A sliding window. Times are microseconds of a clock that does not go back.
///
/// What a request asks is answered from the window's own fields: of thousands of windows asked in turn, the
/// older buckets' memory is never in a processor's cache.
#[derive(Clone, Debug)]
pub struct Window {
    span: u64,
    sum: u64,
    /// The bucket that is being filled; empty when its amount is 0, and then there is no older one.
    newest: Bucket,
    older: VecDeque<Bucket>,
    /// When the first of the older ones was last added to.
    oldest_last: u64,
}

impl Window {
    /// An empty window of `span` microseconds.
    pub fn new(span: u64) -> Self {
        Self { span, sum: 0, newest: Bucket::default(), older: VecDeque::new(), oldest_last: 0 }
    }

    /// Counts `amount` at `now`.
    pub fn add(&mut self, now: u64, amount: u64) {
        self.forget(now);
        if amount == 0 {
            return;
        }
        self.sum = self.sum.saturating_add(amount);
        let newest = &mut self.newest;
        if newest.amount > 0 && now < newest.first + self.span / BUCKETS {
            newest.last = newest.last.max(now);
            newest.amount = newest.amount.saturating_add(amount);
            return;
        }
        let full = std::mem::replace(newest, Bucket { first: now, last: now, amount });
        if full.amount > 0 {
            if self.older.is_empty() {
                self.oldest_last = full.last;
            }
            self.older.push_back(full);
        }
    }

    /// Takes back what was counted at `at`, if it is still there.
    pub fn take_back(&mut self, at: u64, amount: u64) {
        let place = self.older.iter().position(|bucket| bucket.last >= at);
        let bucket = match place {
            Some(place) => &mut self.older[place],
            None if self.newest.last >= at => &mut self.newest,
            None => return,
        };
        let taken = amount.min(bucket.amount);
        bucket.amount -= taken;
        self.sum -= taken;
        if bucket.amount > 0 {
            return;
        }
        match place {
            Some(place) => drop(self.older.remove(place)),
            None => self.newest = self.older.pop_back().unwrap_or_default(),
        }
        self.oldest_last = self.older.front().map_or(0, |oldest| oldest.last);
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
        if left < limit {
            return 0;
        }
        for bucket in self.older.iter().chain([&self.newest]) {
            left -= bucket.amount;
            if left < limit {
                return bucket.last + self.span - now;
            }
        }
        self.span
    }

    /// Microseconds from `now` until nothing is counted any more, if nothing is added.
    pub fn until_empty(&mut self, now: u64) -> u64 {
        self.forget(now);
        if self.newest.amount == 0 { 0 } else { self.newest.last + self.span - now }
    }

    /// What is in the window: first and last event, and amount of each bucket, oldest first.
    pub(crate) fn counted(&mut self, now: u64) -> impl Iterator<Item = (u64, u64, u64)> {
        self.forget(now);
        let newest = (self.newest.amount > 0).then_some(&self.newest);
        self.older.iter().chain(newest).map(|bucket| (bucket.first, bucket.last, bucket.amount))
    }

    /// Counts what was before what is there. Not bounded: for what is taken over once.
    pub(crate) fn insert(&mut self, first: u64, last: u64, amount: u64) {
        if amount == 0 {
            return;
        }
        let mut bucket = Bucket { first, last, amount };
        if last >= self.newest.last {
            std::mem::swap(&mut bucket, &mut self.newest);
        }
        if bucket.amount > 0 {
            let place = self.older.partition_point(|older| older.last <= bucket.last);
            self.older.insert(place, bucket);
        }
        self.oldest_last = self.older.front().map_or(0, |oldest| oldest.last);
        self.sum = self.sum.saturating_add(amount);
    }

    fn forget(&mut self, now: u64) {
        while !self.older.is_empty() && self.oldest_last + self.span <= now {
            self.sum -= self.older.pop_front().map_or(0, |oldest| oldest.amount);
            self.oldest_last = self.older.front().map_or(0, |oldest| oldest.last);
        }
        // The newest one is the last to go.
        if self.older.is_empty() && self.newest.last + self.span <= now {
            self.newest = Bucket::default();
            self.sum = 0;
        }
    }

    /// Buckets in memory, for those who watch its bound.
    pub fn buckets(&self) -> usize {
        self.older.len() + usize::from(self.newest.amount > 0)
    }
}

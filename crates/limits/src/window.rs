//! What happened in the last minute, in bounded memory.
//!
//! Events that come close together share a bucket, which is kept until its
//! *last* event has left the window: the sum is never too small, and exact as long
//! as events are further apart than a thirtieth of the window, or all at once.

use std::collections::VecDeque;

/// How long a window is, in microseconds.
pub(crate) const MINUTE: u64 = 60_000_000;

/// Buckets at most: 30 and the one being left. More would make lumps smaller
/// and every key heavier; 2 s of a minute are what clients back off by anyway.
const BUCKETS: u64 = 30;

/// What one event counts at most: a host may tell any number, and sums have to stay exact to be taken apart again.
const MOST: u64 = 1 << 40;

#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
struct Bucket {
    last: u64,
    amount: u64,
    first: u64,
}

/// A minute that slides. Times are microseconds of a clock that does not go back.
///
/// What a request asks is answered from the window's own fields, which are few: of thousands of windows asked in turn, the
/// older buckets' memory is never in a processor's cache. Laid out by hand: what is only needed to count comes last.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Window {
    /// When the first of the older ones was last added to; [`NEVER`] when there is none.
    oldest_last: u64,
    /// Of all buckets, exactly.
    sum: u64,
    /// The bucket that is being filled; empty when its amount is 0, and then there is no older one.
    newest: Bucket,
    older: Option<Box<Older>>,
}

/// The buckets before the newest one, the oldest first.
#[derive(Clone, Debug, Default)]
struct Older(VecDeque<Bucket>);

/// A time that never comes.
const NEVER: u64 = u64::MAX;

impl Default for Window {
    fn default() -> Self {
        Self { oldest_last: NEVER, sum: 0, newest: Bucket::default(), older: None }
    }
}

impl Window {
    /// Counts `amount` at `now`, a trillion at most.
    pub fn add(&mut self, now: u64, amount: u64) {
        self.forget(now);
        let amount = self.countable(amount);
        if amount == 0 {
            return;
        }
        self.sum += amount;
        let newest = &mut self.newest;
        if newest.amount > 0 && now < newest.first + MINUTE / BUCKETS {
            newest.last = newest.last.max(now);
            newest.amount += amount;
            return;
        }
        let full = std::mem::replace(newest, Bucket { first: now, last: now, amount });
        if full.amount > 0 {
            self.change_older(|older| older.push_back(full));
        }
    }

    /// Takes back what was counted at `at`, if it is still there. What else is in its bucket may stay for as long as it
    /// would have with it: two seconds longer at most.
    pub fn take_back(&mut self, at: u64, amount: u64) {
        let place = self.older().position(|bucket| bucket.last >= at);
        let bucket = match (place, &mut self.older) {
            (Some(place), Some(older)) => &mut older.0[place],
            _ if self.newest.last >= at => &mut self.newest,
            _ => return,
        };
        let taken = amount.min(bucket.amount);
        bucket.amount -= taken;
        self.sum -= taken;
        if bucket.amount > 0 {
            return;
        }
        match place {
            Some(place) => drop(self.change_older(|older| older.remove(place))),
            None => self.newest = self.change_older(VecDeque::pop_back).unwrap_or_default(),
        }
    }

    /// What is counted in the window that ends at `now`.
    pub fn sum(&mut self, now: u64) -> u64 {
        self.forget(now);
        self.sum
    }

    /// Microseconds from `now` until less than `limit` is counted, if nothing is added; 0 when it is.
    /// A limit of 0 is never kept: a whole minute.
    pub fn until_below(&mut self, limit: u64, now: u64) -> u64 {
        self.forget(now);
        let mut left = self.sum;
        if left < limit {
            return 0;
        }
        for bucket in self.older().chain([&self.newest]) {
            left -= bucket.amount;
            if left < limit {
                return bucket.last + MINUTE - now;
            }
        }
        MINUTE
    }

    /// Microseconds from `now` until nothing is counted any more, if nothing is added.
    pub fn until_empty(&mut self, now: u64) -> u64 {
        self.forget(now);
        if self.newest.amount == 0 { 0 } else { self.newest.last + MINUTE - now }
    }

    /// What is in the window: first and last event, and amount of each bucket, oldest first.
    pub(crate) fn counted(&mut self, now: u64) -> impl Iterator<Item = (u64, u64, u64)> {
        self.forget(now);
        let newest = (self.newest.amount > 0).then_some(&self.newest);
        self.older().chain(newest).map(|bucket| (bucket.first, bucket.last, bucket.amount))
    }

    /// Counts what was before what is there. Not bounded: for what is taken over once.
    pub(crate) fn insert(&mut self, first: u64, last: u64, amount: u64) {
        let amount = self.countable(amount);
        if amount == 0 {
            return;
        }
        let mut bucket = Bucket { last, amount, first };
        if last >= self.newest.last {
            std::mem::swap(&mut bucket, &mut self.newest);
        }
        if bucket.amount > 0 {
            self.change_older(|older| {
                let place = older.partition_point(|older| older.last <= bucket.last);
                older.insert(place, bucket);
            });
        }
        self.sum += amount;
    }

    /// How much of an amount counts.
    fn countable(&self, amount: u64) -> u64 {
        amount.min(MOST).min(u64::MAX - self.sum)
    }

    fn forget(&mut self, now: u64) {
        let Some(left) = now.checked_sub(MINUTE) else { return };
        while self.oldest_last <= left {
            self.sum -= self.change_older(VecDeque::pop_front).map_or(0, |oldest| oldest.amount);
        }
        // The newest one is the last to go.
        if self.oldest_last == NEVER && self.newest.last <= left {
            self.newest = Bucket::default();
            self.sum = 0;
        }
    }

    fn older(&self) -> impl Iterator<Item = &Bucket> {
        self.older.iter().flat_map(|older| &older.0)
    }

    fn change_older<T>(&mut self, change: impl FnOnce(&mut VecDeque<Bucket>) -> T) -> T {
        let older = &mut self.older.get_or_insert_default().0;
        let changed = change(older);
        self.oldest_last = older.front().map_or(NEVER, |oldest| oldest.last);
        changed
    }

    /// Buckets in memory, for those who watch its bound.
    pub fn buckets(&self) -> usize {
        self.older().count() + usize::from(self.newest.amount > 0)
    }
}

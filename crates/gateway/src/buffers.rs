//! What bodies take of memory, in all requests together (spec §10): a budget that new
//! requests must fit in. Lock-free, and untouched by bodies that are small.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A body up to this size is not counted: connections are limited, and so is what these take.
const UNCOUNTED: usize = 16 * 1024;

/// Bodies are counted in steps, so that not every piece is.
const STEP: u64 = 64 * 1024;

/// The budget.
#[derive(Debug)]
pub(crate) struct Buffers {
    held: AtomicU64,
    most: u64,
}

/// What one body takes, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    buffers: Arc<Buffers>,
    bytes: u64,
}

impl Buffers {
    /// A budget of `most` bytes.
    pub(crate) fn new(most: u64) -> Arc<Self> {
        Arc::new(Self { held: AtomicU64::new(0), most })
    }

    /// For a body that is about to come.
    pub(crate) fn nothing(self: &Arc<Self>) -> Held {
        Held { buffers: Arc::clone(self), bytes: 0 }
    }

    /// Bytes taken now.
    pub(crate) fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    /// No further request fits.
    pub(crate) fn are_full(&self) -> bool {
        self.held.load(Ordering::Relaxed) >= self.most
    }
}

impl Held {
    /// For another body of the same request.
    pub(crate) fn nothing_yet(&self) -> Self {
        self.buffers.nothing()
    }

    /// Counts a body of `bytes`; whether it fits. What has been taken stays with the caller
    /// either way: it is in memory already.
    pub(crate) fn fits(&mut self, bytes: usize) -> bool {
        let wanted = if bytes <= UNCOUNTED { 0 } else { (bytes as u64).next_multiple_of(STEP) };
        if wanted <= self.bytes {
            return true;
        }
        let more = wanted - self.bytes;
        self.bytes = wanted;
        let before = self.buffers.held.fetch_add(more, Ordering::Relaxed);
        before + more <= self.buffers.most
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.buffers.held.fetch_sub(self.bytes, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_makes_room() {
        let buffers = Buffers::new(1024 * 1024);
        let (mut one, mut two) = (buffers.nothing(), buffers.nothing());
        assert!(one.fits(600 * 1024) && one.fits(640 * 1024), "a step is counted once");
        assert!(!two.fits(600 * 1024));
        assert!(buffers.are_full(), "what came is there, fitting or not");
        drop(two);
        assert!(!buffers.are_full());
        assert!(one.fits(1024 * 1024));
        assert!(buffers.are_full());
        drop(one);
        assert_eq!(buffers.held.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn small_bodies_are_not_counted() {
        let buffers = Buffers::new(1);
        let mut small = buffers.nothing();
        assert!(small.fits(UNCOUNTED));
        assert!(!small.fits(UNCOUNTED + 1));
    }
}

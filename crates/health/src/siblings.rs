//! The routes of one model of a group: what they may do only in view of each other.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use relay_routing::RouteIndex;
use relay_routing::breaker::Refused;
use relay_routing::panic_mode::PanicMode;

/// What the routes of one model share.
#[derive(Debug, Default)]
pub(crate) struct Siblings {
    /// Enabled routes.
    routes: AtomicUsize,
    /// Those that are open or half-open by their rate of failures.
    open_by_rate: AtomicUsize,
    panic: Mutex<PanicMode>,
}

impl Siblings {
    /// A new generation has so many of them.
    pub(crate) fn count(&self, routes: usize) {
        self.routes.store(routes, Ordering::Relaxed);
    }

    pub(crate) fn may_open_by_rate(&self) -> bool {
        let (open, routes) = (self.open_by_rate.load(Ordering::Relaxed), self.routes.load(Ordering::Relaxed));
        relay_routing::siblings::may_open_by_rate(open, routes)
    }

    pub(crate) fn opened_by_rate(&self) {
        self.open_by_rate.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn closed_by_rate(&self) {
        self.open_by_rate.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn panic(
        &self,
        now: Instant,
        open: impl IntoIterator<Item = (RouteIndex, Instant)>,
    ) -> Result<RouteIndex, Refused> {
        self.panic.lock().unwrap_or_else(PoisonError::into_inner).admit(now, open)
    }
}

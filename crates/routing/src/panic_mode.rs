//! When every route of a model is open: one request a second goes to the one that is due
//! first, so that an end of the trouble is noticed before the deadlines are over; the
//! others are refused with the shortest wait (spec §5; field note 27).
//!
//! One value for each model of a group. A route that has told when it wants to be asked again (a
//! limited credential) does not take part: it knows better.

use std::time::{Duration, Instant};

use crate::breaker::Refused;

/// Between two requests that are let through.
const INTERVAL: Duration = Duration::from_secs(1);

/// Lets one request a second through.
#[derive(Clone, Copy, Debug, Default)]
pub struct PanicMode {
    last: Option<Instant>,
}

impl PanicMode {
    /// Picks the route to send to, of those that are open with the time each is due; among
    /// equals the first. It is then sent with [`crate::breaker::Breaker::admit_in_panic`], and the
    /// decision marked `panic`.
    ///
    /// # Errors
    /// [`Refused`] with the time the first one is due; a second from now at the least.
    pub fn admit<R>(&mut self, now: Instant, open: impl IntoIterator<Item = (R, Instant)>) -> Result<R, Refused> {
        let first = open.into_iter().min_by_key(|(_, due)| *due);
        let is_due = self.last.is_none_or(|last| now >= last + INTERVAL);
        match first {
            Some((route, _)) if is_due => {
                self.last = Some(now);
                Ok(route)
            }
            first => Err(Refused { until: first.map_or(now, |(_, due)| due).max(now + INTERVAL) }),
        }
    }
}

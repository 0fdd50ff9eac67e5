//! What planning asks about the health of a route. The state itself is kept by
//! whoever runs attempts; here is only the question.

use relay_domain::Timestamp;

use crate::RouteEntry;

/// Whether a route may be tried now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteHealth {
    /// It may.
    Available,
    /// Not before `until`: it, or its host, failed.
    CoolingDown {
        /// When it may be tried again.
        until: Timestamp,
    },
    /// It is well, but has no room for another request just now.
    Busy,
    /// It is well, but a limit set for it is used up.
    OverLimit {
        /// Which limit, for people: `requests per minute`.
        limit: &'static str,
    },
}

/// Answers for routes. Asked once per route and plan, so it must be cheap and must not block.
pub trait HealthView {
    /// The health of `route` at `now`.
    fn route(&self, route: &RouteEntry, now: Timestamp) -> RouteHealth;
}

/// Everything is well: before any health is known, and in dry runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllHealthy;

impl HealthView for AllHealthy {
    fn route(&self, _route: &RouteEntry, _now: Timestamp) -> RouteHealth {
        RouteHealth::Available
    }
}

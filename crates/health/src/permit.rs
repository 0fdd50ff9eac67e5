//! The leave to make one attempt.

use std::sync::Arc;
use std::time::Instant;

use relay_routing::breaker::{Pass, Seen};
use relay_routing::outcome::{Effect, Outcome};

use crate::route::{CredentialId, RouteCell};

/// The leave to send one request over a route, to be told how that ended. Dropped
/// untold it says that nothing was learned: the client left.
#[derive(Debug)]
#[must_use]
pub struct Permit {
    route: Arc<RouteCell>,
    credential: CredentialId,
    /// Of the route's breaker, and of its host's; taken when they are told.
    passes: Option<(Pass, Pass)>,
}

impl Permit {
    pub(crate) fn new(route: Arc<RouteCell>, credential: CredentialId, passes: (Pass, Pass)) -> Self {
        Self { route, credential, passes: Some(passes) }
    }

    /// The first output of a stream came. It closes a breaker that was half-open; the
    /// attempt itself is counted at its end.
    pub fn committed(&self, now: Instant) {
        if let Some((of_route, of_host)) = self.passes {
            self.route.committed(of_route, now.saturating_duration_since(of_route.at()), now);
            self.route.host.committed(of_host, now);
        }
    }

    /// A whole answer came at once: its first output is its end.
    pub fn answered(self, now: Instant) {
        self.committed(now);
        self.ended(&Outcome::ANSWERED, now);
    }

    /// The attempt ended.
    pub fn ended(mut self, outcome: &Outcome, now: Instant) {
        let Some((of_route, of_host)) = self.passes.take() else { return };
        self.route.observe(of_route, self.credential, outcome, now);
        self.route.host.observe(of_host, outcome.seen_by_host(), now);
        if outcome.effect == Effect::AddressBanned {
            self.route.host.heard(outcome, of_host.at(), now);
        }
    }
}

impl Drop for Permit {
    /// Only frees what a probe holds, which is so whatever the time: no clock is read here.
    fn drop(&mut self) {
        if let Some((of_route, of_host)) = self.passes.take() {
            let now = of_route.at();
            self.route.unseen(of_route, now);
            self.route.host.observe(of_host, Seen::Nothing, now);
        }
    }
}

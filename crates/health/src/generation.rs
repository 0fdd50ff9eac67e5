//! The health of one generation's routes: what planning asks, and the leave to make attempts.

use std::sync::Arc;
use std::time::Instant;

use relay_domain::Timestamp;
use relay_routing::breaker::Refused;
use relay_routing::health::RouteHealth;
use relay_routing::{HealthView, RouteEntry, RouteIndex};

use crate::clock::on_the_wall;
use crate::permit::Permit;
use crate::route::{CredentialId, RouteCell};

/// The cells of a generation's routes, by their index in its snapshot.
#[derive(Debug)]
pub struct GenerationHealth {
    routes: Vec<Arc<RouteCell>>,
}

impl GenerationHealth {
    pub(crate) fn new(routes: Vec<Arc<RouteCell>>) -> Self {
        Self { routes }
    }

    /// How it is now, for a plan.
    pub fn at(&self, now: Instant, wall: Timestamp) -> View<'_> {
        View { health: self, now, wall }
    }

    /// Asks to make an attempt. To be asked right before it: of a half-open breaker one
    /// request at a time gets this leave.
    ///
    /// # Errors
    /// [`Refused`] while the route or its host is left alone.
    pub fn admit(&self, route: RouteIndex, credential: CredentialId, now: Instant) -> Result<Permit, Refused> {
        let cell = self.cell(route);
        let of_route = cell.admit(now)?;
        match cell.host.admit(now) {
            Ok(of_host) => Ok(Permit::new(Arc::clone(cell), credential, (of_route, of_host))),
            Err(refused) => {
                cell.unseen(of_route, now);
                Err(refused)
            }
        }
    }

    /// Whether [`GenerationHealth::admit`] would be worth asking.
    pub fn is_open_to(&self, route: RouteIndex, now: Instant) -> bool {
        self.cell(route).blocked_until(now).is_none()
    }

    /// When every route of a model is left alone: picks the one that is due first, once a
    /// second, and gives leave to try it all the same (spec §5).
    ///
    /// # Errors
    /// [`Refused`] with the time the first is due. Credentials that cool down do not take
    /// part: pass only routes whose credential could be sent.
    pub fn admit_in_panic(
        &self,
        routes: &[(RouteIndex, CredentialId)],
        now: Instant,
    ) -> Result<(RouteIndex, Permit), Refused> {
        let Some((first, _)) = routes.first() else { return Err(Refused { until: now }) };
        let due = |route: RouteIndex| self.cell(route).blocked_until(now).unwrap_or(now);
        let open = routes.iter().map(|(route, _)| (*route, due(*route)));
        let route = self.cell(*first).siblings.panic(now, open)?;
        let credential = routes.iter().find(|(candidate, _)| *candidate == route).map(|(_, credential)| *credential);
        let cell = self.cell(route);
        let passes = (cell.admit_in_panic(now), cell.host.admit_in_panic(now));
        Ok((route, Permit::new(Arc::clone(cell), credential.unwrap_or(CredentialId(0)), passes)))
    }

    /// When an attempt on a route ended last.
    pub fn last_used(&self, route: RouteIndex) -> Option<Instant> {
        self.cell(route).last_used()
    }

    fn cell(&self, route: RouteIndex) -> &Arc<RouteCell> {
        &self.routes[route.as_usize()]
    }
}

/// The health at one moment.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    health: &'a GenerationHealth,
    now: Instant,
    wall: Timestamp,
}

impl View<'_> {
    /// Until when a credential is not sent on a route.
    pub fn cooling_until(&self, route: RouteIndex, credential: CredentialId) -> Option<Timestamp> {
        let until = self.health.cell(route).cooling_until(credential, self.now)?;
        Some(on_the_wall(until, self.now, self.wall))
    }
}

impl HealthView for View<'_> {
    fn route(&self, route: &RouteEntry, _now: Timestamp) -> RouteHealth {
        match self.health.cell(route.index).blocked_until(self.now) {
            None => RouteHealth::Available,
            Some(until) => RouteHealth::CoolingDown { until: on_the_wall(until, self.now, self.wall) },
        }
    }
}

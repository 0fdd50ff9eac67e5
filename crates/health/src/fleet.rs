//! The health of the whole fleet, kept over its generations.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use relay_domain::{GroupId, HostId, ModelPattern, Route, RouteId, Timestamp};
use relay_routing::breaker::BreakerSettings;
use relay_routing::clearing::staggered;
use relay_routing::health::RouteHealth;
use relay_routing::{HealthView, RouteEntry, Snapshot};
use rustc_hash::FxHashMap;

use crate::clock::{Origin, on_the_wall};
use crate::generation::GenerationHealth;
use crate::host::HostCell;
use crate::report::{self, Extent, Report};
use crate::route::RouteCell;
use crate::siblings::Siblings;
use crate::tally::{self, HostTally};

/// The health of the fleet. One for each process.
#[derive(Debug)]
pub struct FleetHealth {
    settings: Arc<BreakerSettings>,
    origin: Origin,
    book: Mutex<Book>,
}

/// Everything of the newest generation.
#[derive(Debug, Default)]
struct Book {
    hosts: FxHashMap<HostId, Arc<HostCell>>,
    siblings: FxHashMap<(GroupId, ModelPattern), Arc<Siblings>>,
    routes: FxHashMap<RouteId, Arc<RouteCell>>,
}

/// What an operator clears.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only this route.
    pub route: Option<RouteId>,
    /// Only this host, and the routes that lead to it.
    pub host: Option<HostId>,
    /// Without spreading them over time.
    pub at_once: bool,
}

/// What was cleared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cleared {
    /// Routes, in the order in which they may be tried again.
    pub routes: Vec<RouteId>,
    /// Hosts.
    pub hosts: Vec<HostId>,
}

impl FleetHealth {
    /// Everything is well, as of `now`.
    pub fn new(settings: BreakerSettings, now: Instant) -> Self {
        Self { settings: Arc::new(settings), origin: Origin::new(now), book: Mutex::default() }
    }

    /// The health of a generation's routes. What an earlier one has shown of them is kept;
    /// what is no longer in the fleet is forgotten. A route that leads to another host than
    /// before is another route.
    pub fn generation(&self, snapshot: &Snapshot) -> Arc<GenerationHealth> {
        let mut book = self.lock();
        let old = std::mem::take(&mut *book);
        let Book { hosts, siblings: models, routes } = &mut *book;
        let mut of_host: Vec<Vec<Weak<RouteCell>>> = vec![Vec::new(); snapshot.hosts().len()];
        let mut cells = Vec::with_capacity(snapshot.routes().len());
        routes.reserve(snapshot.routes().len());
        // Routes of one model are neighbors: what they share is looked up once.
        for neighbors in snapshot.routes().chunk_by(|a, b| is_same_model(&a.route, &b.route)) {
            let model = (neighbors[0].route.group.clone(), neighbors[0].route.public_model.clone());
            let siblings = old.siblings.get(&model).cloned().unwrap_or_default();
            siblings.count(neighbors.iter().filter(|entry| entry.disabled.is_none()).count());
            for RouteEntry { route, host: index, .. } in neighbors {
                let host = hosts.entry(route.host.clone()).or_insert_with(|| {
                    let known = old.hosts.get(&route.host).cloned();
                    known.unwrap_or_else(|| Arc::new(HostCell::new(route.host.clone(), &self.settings, self.origin)))
                });
                let known = old.routes.get(&route.id).filter(|known| known.host.id == route.host);
                let cell =
                    known.filter(|known| Arc::ptr_eq(&known.siblings, &siblings)).cloned().unwrap_or_else(|| {
                        let (host, siblings) = (Arc::clone(host), Arc::clone(&siblings));
                        Arc::new(RouteCell::new(route.id.clone(), host, siblings, &self.settings, self.origin))
                    });
                of_host[index.as_usize()].push(Arc::downgrade(&cell));
                routes.insert(route.id.clone(), Arc::clone(&cell));
                cells.push(cell);
            }
            models.insert(model, siblings);
        }
        for (host, leads_to) in snapshot.hosts().iter().zip(of_host) {
            if let Some(cell) = hosts.get(&host.id) {
                cell.lead_to(leads_to);
            }
        }
        Arc::new(GenerationHealth::new(cells))
    }

    /// How it is now, for a plan over any snapshot: routes are looked up by their ids. For
    /// plans that are few; a gateway asks its [`GenerationHealth`].
    pub fn at(&self, now: Instant, wall: Timestamp) -> Lookup<'_> {
        Lookup { health: self, now, wall }
    }

    /// How everything is, by id.
    pub fn report(&self, now: Instant, wall: Timestamp) -> Report {
        self.report_of(Extent::default(), now, wall)
    }

    /// How a part of it is.
    pub fn report_of(&self, extent: Extent<'_>, now: Instant, wall: Timestamp) -> Report {
        let book = self.lock();
        let of_route =
            || book.routes.values().find(|route| extent.is_route(&route.id)).map(|route| route.host.id.clone());
        let host =
            extent.host.map(str::to_owned).or_else(|| extent.route.and_then(|_| of_route()).map(|id| id.to_string()));
        let is_meant = |id: &HostId| host.as_deref().is_none_or(|meant| meant == id.as_str());
        let hosts = book.hosts.values().filter(|host| is_meant(&host.id));
        let routes = book.routes.values().filter(|route| is_meant(&route.host.id) && extent.is_route(&route.id));
        let (mut hosts, mut routes): (Vec<_>, Vec<_>) = (hosts.cloned().collect(), routes.cloned().collect());
        drop(book);
        if extent.troubled {
            hosts.retain(|host| !host.is_well(now));
            routes.retain(|route| !route.is_well(now));
        }
        hosts.sort_by(|a, b| a.id.cmp(&b.id));
        routes.sort_by(|a, b| a.id.cmp(&b.id));
        report::of(&hosts, &routes, now, wall)
    }

    /// How everything is, in numbers for each host.
    pub fn tally(&self, now: Instant) -> BTreeMap<HostId, HostTally> {
        let (hosts, routes) = self.cells();
        tally::of(hosts.iter().map(|host| &**host), routes.iter().map(|route| &**route), now)
    }

    /// An operator clears what is left alone: open breakers become half-open, cool-downs
    /// end. Several are spread over time, those first that are due first (field note 26).
    pub fn clear(&self, selection: &Selection, now: Instant) -> Cleared {
        let book = self.lock();
        let is_meant = |host: &HostId| selection.host.as_ref().is_none_or(|meant| meant == host);
        let mut hosts: Vec<_> =
            book.hosts.values().filter(|host| selection.route.is_none() && is_meant(&host.id)).cloned().collect();
        let mut routes: Vec<_> = book
            .routes
            .values()
            .filter(|route| selection.route.as_ref().is_none_or(|meant| *meant == route.id) && is_meant(&route.host.id))
            .cloned()
            .collect();
        drop(book);
        hosts.retain(|host| host.blocked_until(now).is_some());
        routes.retain(|route| route.left_alone_until(now).is_some());
        hosts.sort_by_key(|host| host.blocked_until(now));
        routes.sort_by_key(|route| route.left_alone_until(now));
        let count = hosts.len() + routes.len();
        let mut moments = staggered(now, if selection.at_once { 0 } else { count });
        let mut next = || moments.next().unwrap_or(now);
        for host in &hosts {
            host.clear(next(), now);
        }
        for route in &routes {
            route.clear(next(), now);
        }
        Cleared {
            routes: routes.iter().map(|route| route.id.clone()).collect(),
            hosts: hosts.iter().map(|host| host.id.clone()).collect(),
        }
    }

    /// All hosts and routes, in any order.
    pub(crate) fn cells(&self) -> (Vec<Arc<HostCell>>, Vec<Arc<RouteCell>>) {
        let book = self.lock();
        (book.hosts.values().cloned().collect(), book.routes.values().cloned().collect())
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_same_model(a: &Route, b: &Route) -> bool {
    (&a.group, &a.public_model) == (&b.group, &b.public_model)
}

/// The health at one moment, by the ids of routes.
#[derive(Clone, Copy, Debug)]
pub struct Lookup<'a> {
    health: &'a FleetHealth,
    now: Instant,
    wall: Timestamp,
}

impl HealthView for Lookup<'_> {
    fn route(&self, route: &RouteEntry, _now: Timestamp) -> RouteHealth {
        let cell = self.health.lock().routes.get(&route.route.id).cloned();
        match cell.and_then(|cell| cell.blocked_until(self.now)) {
            None => RouteHealth::Available,
            Some(until) => RouteHealth::CoolingDown { until: on_the_wall(until, self.now, self.wall) },
        }
    }
}

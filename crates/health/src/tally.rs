//! How everything is, in numbers for each host: what a monitor asks every few seconds, of
//! which [`Report`](crate::Report) would say each route's name.

use std::collections::BTreeMap;
use std::time::Instant;

use relay_domain::HostId;
use relay_routing::breaker::State;

use crate::host::HostCell;
use crate::route::RouteCell;

/// Breakers by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breakers {
    /// Passing.
    pub closed: u64,
    /// Refusing.
    pub open: u64,
    /// Letting one request through.
    pub half_open: u64,
}

impl Breakers {
    fn count(&mut self, state: State) {
        match state {
            State::Closed => self.closed += 1,
            State::Open { .. } => self.open += 1,
            State::HalfOpen { .. } => self.half_open += 1,
        }
    }

    /// Each state's label with its number.
    pub fn by_state(self) -> [(&'static str, u64); 3] {
        [("closed", self.closed), ("open", self.open), ("half_open", self.half_open)]
    }
}

/// One host and the routes that lead to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostTally {
    /// Its own breaker: one of the three.
    pub breaker: Breakers,
    /// It refuses our address.
    pub bans_us: bool,
    /// Those of its routes.
    pub routes: Breakers,
    /// Credentials that are not sent on a route now, by reason, counted for each route.
    pub cooling: BTreeMap<&'static str, u64>,
    /// Routes that do not fit what the host offers.
    pub drifting: u64,
}

impl HostTally {
    fn of(host: &HostCell, now: Instant) -> Self {
        let state = host.lock();
        let mut tally = Self { bans_us: state.address.cooling(now).is_some(), ..Self::default() };
        tally.breaker.count(state.breaker.state(now));
        tally
    }

    fn add(&mut self, route: &RouteCell, now: Instant) {
        let state = route.lock();
        self.routes.count(state.breaker.state(now));
        self.drifting += u64::from(state.drift.is_some() || state.misconfigured.is_some());
        for cooling in state.credentials.values().filter_map(|cooldown| cooldown.cooling(now)) {
            *self.cooling.entry(cooling.reason.as_str()).or_default() += 1;
        }
    }
}

pub(crate) fn of<'a>(
    hosts: impl Iterator<Item = &'a HostCell>,
    routes: impl Iterator<Item = &'a RouteCell>,
    now: Instant,
) -> BTreeMap<HostId, HostTally> {
    let mut tallies: BTreeMap<_, _> = hosts.map(|host| (host.id.clone(), HostTally::of(host, now))).collect();
    for route in routes {
        if let Some(tally) = tallies.get_mut(&route.host.id) {
            tally.add(route, now);
        }
    }
    tallies
}

//! How everything is, for people: every route, host and credential with its state, since
//! when, why, and when it is expected back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use relay_domain::{HostId, RouteId, Timestamp};
use relay_routing::breaker::{Breaker, State};
use relay_routing::cooldown::{Cooldown, Reason};

use crate::clock::on_the_wall;
use crate::host::HostCell;
use crate::route::{CredentialId, RouteCell};

/// The health of the fleet at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Every host that a route leads to, by id.
    pub hosts: Vec<HostReport>,
    /// Every route, by id.
    pub routes: Vec<RouteReport>,
}

/// Which part of the fleet a report is about; all of it by default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extent<'a> {
    /// Only this host, and the routes to it.
    pub host: Option<&'a str>,
    /// Only this route, and its host.
    pub route: Option<&'a str>,
    /// Only what is not well.
    pub troubled: bool,
}

impl Extent<'_> {
    pub(crate) fn is_route(&self, id: &RouteId) -> bool {
        self.route.is_none_or(|meant| meant == id.as_str())
    }
}

/// One host.
#[derive(Clone, Debug, PartialEq)]
pub struct HostReport {
    /// Which.
    pub host: HostId,
    /// Its breaker, for connects and what breaks on the way.
    pub breaker: BreakerReport,
    /// It refuses our address.
    pub address_banned: Option<CoolingReport>,
}

/// One route.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteReport {
    /// Which.
    pub route: RouteId,
    /// Its host.
    pub host: HostId,
    /// Its breaker.
    pub breaker: BreakerReport,
    /// Credentials that are not sent on it now.
    pub credentials: Vec<(CredentialId, CoolingReport)>,
    /// What does not fit its configuration.
    pub flags: Vec<FlagReport>,
    /// Usable answers of the last five minutes.
    pub succeeded: u32,
    /// Failures of the last five minutes.
    pub failed: u32,
    /// Median time to the first output.
    pub ttft_p50: Option<Duration>,
    /// The same of the slowest in a hundred.
    pub ttft_p99: Option<Duration>,
    /// When an attempt on it ended last.
    pub last_used: Option<Timestamp>,
}

/// One breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerReport {
    /// `closed`, `open` or `half_open`.
    pub state: &'static str,
    /// `consecutive`, `rate` or `together`; absent while it is closed.
    pub opened_by: Option<&'static str>,
    /// The class of the failures; absent while it is closed.
    pub class: Option<&'static str>,
    /// When it opened first.
    pub since: Option<Timestamp>,
    /// When it becomes half-open; absent when it is.
    pub until: Option<Timestamp>,
}

/// A cool-down that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoolingReport {
    /// `rate_limited`, `quota`, `refused` or `address_banned`.
    pub reason: &'static str,
    /// What of a quota is used up.
    pub quota: Option<&'static str>,
    /// The first refusal since the last success.
    pub since: Timestamp,
    /// When it may be used again.
    pub until: Timestamp,
}

/// A route that does not fit what its host offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlagReport {
    /// `misconfigured` or `drift`.
    pub flag: &'static str,
    /// Since when.
    pub since: Timestamp,
}

/// The two clocks at the moment of a report.
#[derive(Clone, Copy)]
struct Moment {
    now: Instant,
    wall: Timestamp,
}

impl Moment {
    fn on_the_wall(self, at: Instant) -> Timestamp {
        on_the_wall(at, self.now, self.wall)
    }

    fn breaker(self, breaker: &Breaker) -> BreakerReport {
        let state = breaker.state(self.now);
        let opening = breaker.opening();
        let until = match state {
            State::Open { until } => Some(self.on_the_wall(until)),
            State::Closed | State::HalfOpen { .. } => None,
        };
        BreakerReport {
            state: state.as_str(),
            opened_by: opening.map(|opening| opening.by.as_str()),
            class: opening.map(|opening| opening.class),
            since: opening.map(|opening| self.on_the_wall(opening.since)),
            until,
        }
    }

    fn cooling(self, cooldown: &Cooldown) -> Option<CoolingReport> {
        let cooling = cooldown.cooling(self.now)?;
        let quota = match cooling.reason {
            Reason::Quota(quota) => Some(quota.as_str()),
            Reason::RateLimited | Reason::Refused | Reason::AddressBanned => None,
        };
        let (since, until) = (self.on_the_wall(cooling.since), self.on_the_wall(cooling.until));
        Some(CoolingReport { reason: cooling.reason.as_str(), quota, since, until })
    }
}

pub(crate) fn of(hosts: &[Arc<HostCell>], routes: &[Arc<RouteCell>], now: Instant, wall: Timestamp) -> Report {
    let moment = Moment { now, wall };
    Report {
        hosts: hosts.iter().map(|host| host_report(host, moment)).collect(),
        routes: routes.iter().map(|route| route_report(route, moment)).collect(),
    }
}

fn host_report(host: &HostCell, moment: Moment) -> HostReport {
    let state = host.lock();
    HostReport {
        host: host.id.clone(),
        breaker: moment.breaker(&state.breaker),
        address_banned: moment.cooling(&state.address),
    }
}

fn route_report(route: &RouteCell, moment: Moment) -> RouteReport {
    let state = route.lock();
    let cooling = |(credential, cooldown): (&CredentialId, &Cooldown)| Some((*credential, moment.cooling(cooldown)?));
    let flags = [("misconfigured", state.misconfigured), ("drift", state.drift)];
    let summary = state.rates.as_ref().map(|rates| rates.summary(moment.now));
    RouteReport {
        route: route.id.clone(),
        host: route.host.id.clone(),
        breaker: moment.breaker(&state.breaker),
        credentials: state.credentials.iter().filter_map(cooling).collect(),
        flags: flags
            .into_iter()
            .filter_map(|(flag, since)| Some(FlagReport { flag, since: moment.on_the_wall(since?) }))
            .collect(),
        succeeded: summary.map_or(0, |summary| summary.counts.succeeded),
        failed: summary.map_or(0, |summary| summary.counts.failed),
        ttft_p50: summary.and_then(|summary| summary.ttft_p50),
        ttft_p99: summary.and_then(|summary| summary.ttft_p99),
        last_used: route.last_used().map(|at| moment.on_the_wall(at)),
    }
}

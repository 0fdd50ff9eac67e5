//! What the next process of a restart has to know: which breakers are open, what cools down, what is flagged, and how
//! long outages last. A restart must not send requests to a host that is known to be down, nor a key that is refused.
//!
//! Not carried: counts of the last seconds that have opened nothing, and rates for people.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use relay_domain::Timestamp;
use relay_routing::breaker::{Breaker, OpenedBy, Opening};
use relay_routing::cooldown::{Cooldown, Cooling, Reason};
use relay_routing::outcome::class_named;
use serde::{Deserialize, Serialize};

use crate::clock::{off_the_wall, on_the_wall};
use crate::fleet::FleetHealth;
use crate::host::HostCell;
use crate::route::{CredentialId, RouteCell};

/// All that is carried over. Times are the wall's, and keys are named by a hash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    hosts: BTreeMap<String, CarriedHost>,
    routes: BTreeMap<String, CarriedRoute>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct CarriedHost {
    opening: Option<CarriedOpening>,
    address: Option<CarriedCooling>,
    /// Milliseconds that outages of a class took.
    recoveries: BTreeMap<String, Vec<u64>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct CarriedRoute {
    host: String,
    opening: Option<CarriedOpening>,
    credentials: Vec<(u64, CarriedCooling)>,
    misconfigured: Option<Timestamp>,
    drift: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct CarriedOpening {
    by: String,
    class: String,
    since: Timestamp,
    failed: Timestamp,
    until: Timestamp,
    period_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct CarriedCooling {
    reason: String,
    quota: Option<String>,
    since: Timestamp,
    until: Timestamp,
    guessed_ms: Option<u64>,
}

/// The two clocks at the moment of carrying.
#[derive(Clone, Copy)]
struct Clocks {
    now: Instant,
    wall: Timestamp,
}

impl Clocks {
    fn out(self, at: Instant) -> Timestamp {
        on_the_wall(at, self.now, self.wall)
    }

    fn into(self, at: Timestamp) -> Instant {
        off_the_wall(at, self.now, self.wall)
    }
}

impl FleetHealth {
    /// What the next process has to know.
    pub fn carry(&self, now: Instant, wall: Timestamp) -> Carried {
        let clocks = Clocks { now, wall };
        let (hosts, routes) = self.cells();
        let hosts = hosts.iter().map(|host| (host.id.to_string(), CarriedHost::of(host, clocks)));
        let routes = routes.iter().map(|route| (route.id.to_string(), CarriedRoute::of(route, clocks)));
        Carried { hosts: hosts.collect(), routes: routes.collect() }
    }

    /// Goes on with what the process before this one knew of the hosts and routes of the present generation. A route
    /// that leads to another host by now is another route; what has been seen here already stays.
    pub fn take_over(&self, carried: &Carried, now: Instant, wall: Timestamp) {
        let clocks = Clocks { now, wall };
        let (hosts, routes) = self.cells();
        for host in hosts {
            if let Some(known) = carried.hosts.get(host.id.as_str()) {
                known.resume(&host, clocks);
            }
        }
        for route in routes {
            if let Some(known) =
                carried.routes.get(route.id.as_str()).filter(|known| known.host == route.host.id.as_str())
            {
                known.resume(&route, clocks);
            }
        }
    }
}

impl CarriedHost {
    fn of(host: &HostCell, clocks: Clocks) -> Self {
        let state = host.lock();
        let recoveries =
            state.recovery.iter().map(|(class, kept)| ((*class).to_owned(), kept.kept().map(millis).collect()));
        Self {
            opening: CarriedOpening::of(&state.breaker, clocks),
            address: CarriedCooling::of(&state.address, clocks),
            recoveries: recoveries.collect(),
        }
    }

    fn resume(&self, host: &HostCell, clocks: Clocks) {
        let mut state = host.lock();
        if let Some(opening) = self.opening.as_ref().and_then(|opening| opening.read(clocks)) {
            state.breaker.resume(opening);
        }
        if let Some((cooling, guessed)) = self.address.as_ref().and_then(|cooling| cooling.read(clocks)) {
            state.address.resume(cooling, guessed);
        }
        for (class, kept) in &self.recoveries {
            let Some(class) = class_named(class) else { continue };
            let recovery = state.recovery.entry(class).or_default();
            for millis in kept {
                recovery.observe(Duration::from_millis(*millis));
            }
        }
        host.remember(&state, clocks.now);
    }
}

impl CarriedRoute {
    fn of(route: &RouteCell, clocks: Clocks) -> Self {
        let state = route.lock();
        let credentials = state.credentials.iter();
        let cooling = credentials.filter_map(|(id, cooldown)| Some((id.0, CarriedCooling::of(cooldown, clocks)?)));
        Self {
            host: route.host.id.to_string(),
            opening: CarriedOpening::of(&state.breaker, clocks),
            credentials: cooling.collect(),
            misconfigured: state.misconfigured.map(|at| clocks.out(at)),
            drift: state.drift.map(|at| clocks.out(at)),
        }
    }

    fn resume(&self, route: &RouteCell, clocks: Clocks) {
        let opening = self.opening.as_ref().and_then(|opening| opening.read(clocks));
        let credentials = self.credentials.iter().filter_map(|(id, cooling)| Some((*id, cooling.read(clocks)?)));
        let flag = |at: Option<Timestamp>| at.map(|at| clocks.into(at));
        let (misconfigured, drift) = (flag(self.misconfigured), flag(self.drift));
        route.resume(opening, clocks.now, |state| {
            for (id, (cooling, guessed)) in credentials {
                state.credentials.entry(CredentialId(id)).or_default().resume(cooling, guessed);
            }
            state.misconfigured = state.misconfigured.or(misconfigured);
            state.drift = state.drift.or(drift);
        });
    }
}

impl CarriedOpening {
    fn of(breaker: &Breaker, clocks: Clocks) -> Option<Self> {
        let Opening { by, class, since, failed, until, period } = breaker.opening()?;
        Some(Self {
            by: by.as_str().to_owned(),
            class: class.to_owned(),
            since: clocks.out(since),
            failed: clocks.out(failed),
            until: clocks.out(until),
            period_ms: millis(period),
        })
    }

    /// `None` for words that this version does not know.
    fn read(&self, clocks: Clocks) -> Option<Opening> {
        Some(Opening {
            by: OpenedBy::ALL.into_iter().find(|by| by.as_str() == self.by)?,
            class: class_named(&self.class)?,
            since: clocks.into(self.since),
            failed: clocks.into(self.failed),
            until: clocks.into(self.until),
            period: Duration::from_millis(self.period_ms),
        })
    }
}

impl CarriedCooling {
    fn of(cooldown: &Cooldown, clocks: Clocks) -> Option<Self> {
        let Cooling { reason, since, until } = cooldown.cooling(clocks.now)?;
        let quota = match reason {
            Reason::Quota(quota) => Some(quota.as_str().to_owned()),
            _ => None,
        };
        Some(Self {
            reason: reason.as_str().to_owned(),
            quota,
            since: clocks.out(since),
            until: clocks.out(until),
            guessed_ms: cooldown.guessed().map(millis),
        })
    }

    /// `None` for words that this version does not know.
    fn read(&self, clocks: Clocks) -> Option<(Cooling, Option<Duration>)> {
        let reason = Reason::named(&self.reason, self.quota.as_deref())?;
        let cooling = Cooling { reason, since: clocks.into(self.since), until: clocks.into(self.until) };
        Some((cooling, self.guessed_ms.map(Duration::from_millis)))
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use relay_domain::{
        BaseUrl, CredentialMode, Fleet, Group, GroupId, Host, HostId, HostKind, ModelPattern, Route, RouteCost, RouteId,
    };
    use relay_routing::outcome::Outcome;
    use relay_routing::wait::{Wait, WaitFor};
    use relay_routing::{AnswerHead, Ending, Snapshot, classify};

    use super::*;
    use crate::BreakerSettings;

    fn fleet(host: &str) -> Snapshot {
        let id = |text: &str| HostId::new(text).unwrap();
        let route = |name: &str| Route {
            id: RouteId::new(name).unwrap(),
            name: name.to_owned(),
            group: GroupId::new("gpt").unwrap(),
            public_model: ModelPattern::Exact("gpt-5".to_owned()),
            host: id(host),
            shadow_group: "7".to_owned(),
            shadow_model: String::new(),
            priority: 1,
            weight: 100,
            credential: CredentialMode::HostKey,
            enabled: true,
            cost: RouteCost::default(),
        };
        Snapshot::build(&Fleet {
            generation: 1,
            hosts: vec![Host {
                id: id(host),
                kind: HostKind::OpenAi,
                base_url: BaseUrl::parse("https://a.example").unwrap(),
                allow_private: false,
                enabled: true,
                admin: None,
                gateway_key: None,
                ask_usage: true,
            }],
            groups: vec![Group::new(GroupId::new("gpt").unwrap())],
            routes: vec![route("fails"), route("limited")],
            keys: Vec::new(),
        })
    }

    fn answer(status: u16, wait: Option<Duration>) -> Outcome {
        let wait = wait.map(|span| Wait { span, of: WaitFor::Answer });
        classify(&Ending::Answer(AnswerHead { status, content_type: "application/json", wait, body_head: Some(b"{}") }))
    }

    fn wall(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + seconds).unwrap()
    }

    /// A process that began at `origin` and has seen one route fail and a key be limited for a minute on the other.
    fn before(origin: Instant) -> FleetHealth {
        let health = FleetHealth::new(BreakerSettings::default(), origin);
        let snapshot = fleet("tokyo");
        let generation = health.generation(&snapshot);
        let attempt = |name: &str, outcome: &Outcome| {
            let route = snapshot.route_by_id(name).unwrap();
            generation.admit(route, CredentialId(7), origin).unwrap().ended(outcome, origin);
        };
        (0..5).for_each(|_| attempt("fails", &answer(502, None)));
        attempt("limited", &answer(429, Some(Duration::from_mins(1))));
        health
    }

    fn told(health: &FleetHealth, now: Instant, at: Timestamp) -> Vec<(String, &'static str, Vec<Timestamp>)> {
        let routes = health.report(now, at).routes.into_iter();
        let until =
            |keys: Vec<(CredentialId, crate::CoolingReport)>| keys.into_iter().map(|(_, key)| key.until).collect();
        routes.map(|route| (route.route.to_string(), route.breaker.state, until(route.credentials))).collect()
    }

    #[test]
    fn another_process_goes_on_with_what_is_left_alone_and_for_as_long() {
        let began = Instant::now();
        let old = before(began);
        let text = serde_json::to_string(&old.carry(began, wall(0))).unwrap();
        // Two seconds later by the wall, on a clock of its own.
        let origin = began + Duration::from_hours(5);
        let new = Arc::new(FleetHealth::new(BreakerSettings::default(), origin));
        let snapshot = fleet("tokyo");
        let generation = new.generation(&snapshot);
        new.take_over(&serde_json::from_str(&text).unwrap(), origin, wall(2));
        let expected = [("fails".to_owned(), "open", vec![]), ("limited".to_owned(), "closed", vec![wall(60)])];
        assert_eq!(told(&new, origin, wall(2)), expected);
        let fails = snapshot.route_by_id("fails").unwrap();
        let refused = generation.admit(fails, CredentialId(7), origin).unwrap_err();
        assert!(refused.until <= origin + Duration::from_secs(4), "5 s and a fifth, of which two have passed");
        // Then one probe closes it.
        let permit = generation.admit(fails, CredentialId(7), origin + Duration::from_secs(5)).unwrap();
        permit.ended(&answer(200, None), origin + Duration::from_secs(5));
        assert_eq!(told(&new, origin + Duration::from_secs(5), wall(7))[0].1, "closed");
    }

    #[test]
    fn a_route_to_another_host_begins_anew() {
        let began = Instant::now();
        let carried = before(began).carry(began, wall(0));
        let new = FleetHealth::new(BreakerSettings::default(), began);
        let _generation = new.generation(&fleet("osaka"));
        new.take_over(&carried, began, wall(0));
        assert!(told(&new, began, wall(0)).iter().all(|(_, state, cooling)| *state == "closed" && cooling.is_empty()));
    }
}

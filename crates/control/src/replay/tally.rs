//! The sums of a replay: what each host gets in either world, and what differs.

use std::collections::{BTreeMap, BTreeSet};

use relay_domain::{Ratio, Timestamp};
use relay_ledger::{Passage, PassageEnd};
use relay_pricing::{PriceTable, Tokens};
use relay_routing::RouteIndex;
use rustc_hash::FxHashMap;

use super::lane::Refusal;
use super::load::{Durations, Load};
use super::report::{
    BlastRadius, Change, Conversations, Cost, Covered, Fidelity, Flow, HostTraffic, Latency, OverCapacity, Refused,
    Traffic, change_share, share,
};
use super::world::World;

/// `timeouts.first_output` when nobody says otherwise (spec §2).
const FIRST_OUTPUT_US: u64 = 300_000_000;

/// Lines of refused requests that are told at most.
const MOST_REFUSED: usize = 100;

/// What a host admits in one of its groups, as it was seen last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// The host.
    pub host_id: String,
    /// The group's id and, where it is known, its name there.
    pub shadow_groups: Vec<String>,
    /// Requests in flight.
    pub concurrency: Option<u32>,
    /// Requests a minute.
    pub rpm: Option<u32>,
    /// When that was seen.
    pub observed_at: Timestamp,
}

/// Where a request went: a route, or why not.
pub(super) type Ended = Result<RouteIndex, Refusal>;

/// A host by its place among the hosts of both worlds.
type HostAt = u32;
const NO_HOST: HostAt = HostAt::MAX;

/// One of the two worlds: where its routes lead, and what they got.
struct Side<'w> {
    world: &'w World,
    /// By route: its host.
    host_of: Vec<HostAt>,
    /// By route: the capacity that it draws on.
    capacity_of: Vec<Option<u32>>,
    hosts: Vec<Gets>,
    /// By route: whether it served.
    is_used: Vec<bool>,
    capacities: Vec<Load>,
    unserved: u64,
    cost_nanos: i128,
    durations: Durations,
}

#[derive(Default)]
struct Gets {
    requests: u64,
    tokens: u64,
    load: Load,
}

/// The sums so far.
pub(super) struct Tally<'w> {
    prices: &'w PriceTable,
    capacities: &'w [Capacity],
    names: Vec<String>,
    sides: [Side<'w>; 2],
    requests: u64,
    priced: u64,
    delayed: u64,
    would_time_out: u64,
    flows: FxHashMap<(HostAt, HostAt), u64>,
    refused: BTreeMap<(String, String, Option<String>, Refusal), u64>,
    fidelity: (u64, u64),
}

impl<'w> Tally<'w> {
    pub(super) fn new(worlds: [&'w World; 2], prices: &'w PriceTable, capacities: &'w [Capacity]) -> Self {
        let hosts: BTreeSet<&str> =
            worlds.iter().flat_map(|world| world.snapshot.hosts()).map(|host| host.id.as_str()).collect();
        let names: Vec<String> = hosts.into_iter().map(str::to_owned).collect();
        Self {
            prices,
            capacities,
            sides: worlds.map(|world| Side::new(world, &names, capacities)),
            names,
            requests: 0,
            priced: 0,
            delayed: 0,
            would_time_out: 0,
            flows: FxHashMap::default(),
            refused: BTreeMap::new(),
            fidelity: (0, 0),
        }
    }

    /// Takes in a request with its route in both worlds; answers what the prompt cache saved for it in the first.
    pub(super) fn add(&mut self, passage: &Passage<'_>, ended: [Ended; 2]) -> i64 {
        self.requests += 1;
        let [before, after] = [0, 1].map(|side: usize| self.sides[side].take(passage, ended[side]));
        if before != after {
            *self.flows.entry((before, after)).or_default() += 1;
        }
        if let [Ok(_), Err(refusal)] = ended {
            let consumer = passage.consumer.map(str::to_owned);
            let whose = (passage.logical_group_id.to_owned(), passage.public_model.to_owned(), consumer, refusal);
            *self.refused.entry(whose).or_default() += 1;
        }
        self.compare(passage, ended[0]);
        let Some(end) = &passage.end else { return 0 };
        if let Ok(route) = ended[1] {
            let delay = self.sides[1].world.delay_us(route);
            self.delayed += u64::from(delay > 0);
            let is_late = |first: u64| first.saturating_add(delay) > FIRST_OUTPUT_US;
            self.would_time_out += u64::from(delay > 0 && is_late(end.first_output_us.unwrap_or(0)));
        }
        self.price(passage, end, ended)
    }

    /// The name of a route's host in the first world.
    pub(super) fn host_name(&self, route: RouteIndex) -> &str {
        &self.names[self.sides[0].host_of[route.as_usize()] as usize]
    }

    fn compare(&mut self, passage: &Passage<'_>, ended: Ended) {
        let Some(planned) = passage.planned_route_id else { return };
        self.fidelity.0 += 1;
        let snapshot = &self.sides[0].world.snapshot;
        let is_same = ended.is_ok_and(|route| snapshot.route(route).route.id.as_str() == planned);
        self.fidelity.1 += u64::from(is_same);
    }

    /// As `gateway::charge` does it, for the route of either world.
    fn price(&mut self, passage: &Passage<'_>, end: &PassageEnd<'_>, ended: [Ended; 2]) -> i64 {
        if end.input.is_none() && end.output.is_none() {
            return 0;
        }
        let tokens = Tokens {
            input: end.input.unwrap_or(0),
            cached_input: end.cached_input.unwrap_or(0),
            cache_write: end.cache_write.unwrap_or(0),
            output: end.output.unwrap_or(0),
        };
        let worth = |side: usize| -> Option<(i64, i64)> {
            let route = &self.sides[side].world.snapshot.route(ended[side].ok()?).route;
            let models = [passage.public_model, &route.shadow_model];
            let rates = self.prices.rates(&models, tokens.input, passage.at)?;
            let ratios: [Ratio; 2] = [route.cost.multiplier, route.cost.recharge_ratio];
            let worth = rates.worth(tokens, &ratios);
            Some((worth.total.nanos(), worth.cache_saved.nanos()))
        };
        let (before, after) = (worth(0), worth(1));
        if before.is_some() || after.is_some() {
            self.priced += 1;
        }
        self.sides[0].cost_nanos += before.map_or(0, |(total, _)| i128::from(total));
        self.sides[1].cost_nanos += after.map_or(0, |(total, _)| i128::from(total));
        before.map_or(0, |(_, saved)| saved)
    }

    pub(super) fn report(self, covered: Covered, conversations: Conversations) -> BlastRadius {
        let moved: u64 = self.flows.values().sum();
        let [before, after] = &self.sides;
        let money = |side: &Side<'_>| {
            i64::try_from(side.cost_nanos).unwrap_or(if side.cost_nanos < 0 { i64::MIN } else { i64::MAX })
        };
        let (before_nanos, after_nanos) = (money(before), money(after));
        let permille = |permille| Change {
            before: before.durations.permille(permille),
            after: after.durations.permille(permille),
        };
        BlastRadius {
            covered,
            traffic: Traffic {
                requests: self.requests,
                moved,
                moved_share: share(moved, self.requests),
                unserved_before: before.unserved,
                unserved_after: after.unserved,
            },
            hosts: self.hosts(),
            flows: self.flows(),
            refused: self.refused(),
            conversations,
            cost: Cost {
                priced: self.priced,
                before_nanos,
                after_nanos,
                change_nanos: after_nanos.saturating_sub(before_nanos),
                change_share: change_share(before_nanos, after_nanos),
            },
            latency: Latency {
                p50_ms: permille(500),
                p99_ms: permille(990),
                delayed: self.delayed,
                would_time_out: self.would_time_out,
            },
            capacity: self.over_capacity(),
            fidelity: Fidelity {
                compared: self.fidelity.0,
                same: self.fidelity.1,
                share: share(self.fidelity.1, self.fidelity.0),
            },
            used_routes: self.sides.iter().flat_map(Side::used_routes).collect(),
        }
    }

    fn hosts(&self) -> Vec<HostTraffic> {
        let mut hosts = Vec::new();
        for (at, name) in self.names.iter().enumerate() {
            let [before, after] = [0, 1].map(|side: usize| &self.sides[side].hosts[at]);
            if before.requests == 0 && after.requests == 0 {
                continue;
            }
            let sum = |chosen: &dyn Fn(HostAt, HostAt) -> bool| -> u64 {
                self.flows.iter().filter(|((from, to), _)| chosen(*from, *to)).map(|(_, count)| count).sum()
            };
            hosts.push(HostTraffic {
                host_id: name.clone(),
                requests: Change { before: before.requests, after: after.requests },
                share: Change {
                    before: share(before.requests, self.requests),
                    after: share(after.requests, self.requests),
                },
                moved_away: sum(&|from, _| from as usize == at),
                moved_here: sum(&|_, to| to as usize == at),
                tokens: Change { before: before.tokens, after: after.tokens },
                peak_concurrency: Change { before: before.load.peak_concurrency, after: after.load.peak_concurrency },
                peak_rpm: Change { before: before.load.peak_rpm, after: after.load.peak_rpm },
            });
        }
        hosts
    }

    fn flows(&self) -> Vec<Flow> {
        let name = |at: HostAt| self.names.get(at as usize).cloned();
        let mut flows: Vec<Flow> = self
            .flows
            .iter()
            .map(|((from, to), requests)| Flow {
                from: name(*from),
                to: name(*to),
                requests: *requests,
                share: share(*requests, self.requests),
            })
            .collect();
        flows.sort_by(|a, b| (b.requests, &a.from, &a.to).cmp(&(a.requests, &b.from, &b.to)));
        flows
    }

    fn refused(&self) -> Vec<Refused> {
        let mut refused: Vec<Refused> = self
            .refused
            .iter()
            .map(|((group, model, consumer, reason), requests)| Refused {
                logical_group_id: group.clone(),
                public_model: model.clone(),
                consumer: consumer.clone(),
                reason: reason.as_str().to_owned(),
                requests: *requests,
            })
            .collect();
        // Stable: equal counts stay in the order of their names.
        refused.sort_by_key(|line| std::cmp::Reverse(line.requests));
        refused.truncate(MOST_REFUSED);
        refused
    }

    fn over_capacity(&self) -> Vec<OverCapacity> {
        let mut over = Vec::new();
        for (at, capacity) in self.capacities.iter().enumerate() {
            let [before, after] = [0, 1].map(|side: usize| &self.sides[side].capacities[at]);
            let concurrency = Change { before: before.peak_concurrency, after: after.peak_concurrency };
            let rpm = Change { before: before.peak_rpm, after: after.peak_rpm };
            for (what, limit, peak) in [("concurrency", capacity.concurrency, concurrency), ("rpm", capacity.rpm, rpm)]
            {
                let Some(limit) = limit.filter(|limit| peak.after > *limit) else { continue };
                over.push(OverCapacity {
                    host_id: capacity.host_id.clone(),
                    shadow_group_id: capacity.shadow_groups.first().cloned().unwrap_or_default(),
                    what: what.to_owned(),
                    limit,
                    peak,
                    observed_at: capacity.observed_at,
                });
            }
        }
        over
    }
}

impl<'w> Side<'w> {
    fn new(world: &'w World, names: &[String], capacities: &[Capacity]) -> Self {
        let routes = world.snapshot.routes();
        let host_of =
            |name: &str| names.binary_search_by(|other| other.as_str().cmp(name)).map_or(NO_HOST, |at| at as HostAt);
        let mut by_group = FxHashMap::default();
        for (at, capacity) in capacities.iter().enumerate() {
            for group in &capacity.shadow_groups {
                by_group.insert((capacity.host_id.as_str(), group.as_str()), at as u32);
            }
        }
        Self {
            world,
            host_of: routes.iter().map(|entry| host_of(entry.route.host.as_str())).collect(),
            capacity_of: routes
                .iter()
                .map(|entry| by_group.get(&(entry.route.host.as_str(), entry.route.shadow_group.as_str())).copied())
                .collect(),
            hosts: names.iter().map(|_| Gets::default()).collect(),
            is_used: vec![false; world.snapshot.routes().len()],
            capacities: capacities.iter().map(|_| Load::default()).collect(),
            unserved: 0,
            cost_nanos: 0,
            durations: Durations::default(),
        }
    }

    fn used_routes(&self) -> impl Iterator<Item = String> {
        let routes = self.world.snapshot.routes().iter().zip(&self.is_used).filter(|(_, is_used)| **is_used);
        routes.map(|(entry, _)| entry.route.id.to_string())
    }

    /// Takes in a request; answers its host.
    fn take(&mut self, passage: &Passage<'_>, ended: Ended) -> HostAt {
        let Ok(route) = ended else {
            self.unserved += 1;
            return NO_HOST;
        };
        self.is_used[route.as_usize()] = true;
        let at = self.host_of[route.as_usize()];
        let gets = &mut self.hosts[at as usize];
        gets.requests += 1;
        if let Some(end) = &passage.end {
            gets.tokens += end.input.unwrap_or(0).saturating_add(end.output.unwrap_or(0));
            let took = end.latency_us.saturating_add(self.world.delay_us(route));
            self.durations.add(took);
            let arrived = passage.at.as_microsecond();
            gets.load.add(arrived, took);
            if let Some(capacity) = self.capacity_of[route.as_usize()] {
                self.capacities[capacity as usize].add(arrived, took);
            }
        }
        at
    }
}

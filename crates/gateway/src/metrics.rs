//! What the data plane counts (docs/metrics.md, ADR 0010): relaxed additions to what
//! was allocated when a generation was published, once for each attempt and once for each request.
//!
//! Labels are surfaces, verdicts and classes, and of the fleet hosts and groups; never keys,
//! routes or models, of which there may be any number.

use std::collections::HashSet;

use relay_ledger::{AttemptRecord, Outcome, Usage, Verdict};
use relay_metrics::{Buckets, Counter, Exposition, Histogram, Named, Words};
use relay_routing::outcome::AttemptEnd;
use relay_routing::{Snapshot, Surface};
use relay_traces::Tracer;

use crate::serving::RouteWire;

mod definitions;

use definitions as of;
pub(crate) use definitions::DEFINITIONS;

/// Classes of errors that are told apart. The classifier knows some forty, and a status in
/// the hundreds now and then.
const CLASSES: usize = 96;

/// Codes of refusals that are told apart.
const CODES: usize = 64;

/// The class of what did not fail.
const NONE: &str = "none";

/// Answers take from milliseconds (embeddings) to minutes (reasoning).
static SPANS: Buckets = Buckets::of_micros(&[
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    20_000_000,
    40_000_000,
    80_000_000,
    160_000_000,
    320_000_000,
]);

/// Our own part is to stay below a millisecond (spec §11).
static OVERHEAD: Buckets = Buckets::of_micros(&[
    25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 1_000_000, 10_000_000,
]);

/// The kinds of tokens, as [`GroupMeters::tokens`] has them.
const TOKENS: [&str; 5] = ["input", "cached_input", "cache_write", "output", "reasoning"];

/// Everything the data plane counts.
pub(crate) struct Meters {
    classes: Words<CLASSES>,
    codes: Words<CODES>,
    actions: Words<8>,
    surfaces: [SurfaceMeters; Surface::ALL.len()],
    overhead: Histogram,
    sticky: [Counter; 8],
    refusals: [Counter; CODES],
    fallbacks: Counter,
    panics: Counter,
    double_bills: Counter,
    unpriced: Counter,
    request_bytes: Counter,
    response_bytes: Counter,
    pub(crate) turned_away: Counter,
    pub(crate) hosts: Named<HostMeters>,
    pub(crate) groups: Named<GroupMeters>,
}

/// Of one surface.
struct SurfaceMeters {
    requests: Box<[[Counter; CLASSES]; Verdict::ALL.len()]>,
    duration: Histogram,
    first_output: Histogram,
}

/// Of one host.
pub(crate) struct HostMeters {
    attempts: Box<[[Counter; CLASSES]; AttemptEnd::ALL.len()]>,
    duration: Histogram,
    cost_nanos: Counter,
}

/// Of one logical group.
#[derive(Default)]
pub(crate) struct GroupMeters {
    tokens: [Counter; TOKENS.len()],
    price_nanos: Counter,
}

fn counters<const N: usize>() -> [Counter; N] {
    [const { Counter::new() }; N]
}

fn by_class<const N: usize>() -> [[Counter; CLASSES]; N] {
    [const { [const { Counter::new() }; CLASSES] }; N]
}

impl Default for SurfaceMeters {
    fn default() -> Self {
        Self { requests: Box::new(by_class()), duration: Histogram::new(&SPANS), first_output: Histogram::new(&SPANS) }
    }
}

impl Default for HostMeters {
    fn default() -> Self {
        Self { attempts: Box::new(by_class()), duration: Histogram::new(&SPANS), cost_nanos: Counter::new() }
    }
}

impl Default for Meters {
    fn default() -> Self {
        Self {
            classes: Words::starting_with(NONE),
            codes: Words::starting_with("invalid_request"),
            actions: Words::starting_with("hit"),
            surfaces: Default::default(),
            overhead: Histogram::new(&OVERHEAD),
            sticky: counters(),
            refusals: counters(),
            fallbacks: Counter::new(),
            panics: Counter::new(),
            double_bills: Counter::new(),
            unpriced: Counter::new(),
            request_bytes: Counter::new(),
            response_bytes: Counter::new(),
            turned_away: Counter::new(),
            hosts: Named::default(),
            groups: Named::default(),
        }
    }
}

impl Meters {
    /// What is gone from the fleet is not shown any more, and makes room.
    pub(crate) fn keep_those_of(&self, snapshot: &Snapshot) {
        let hosts: HashSet<&str> = snapshot.routes().iter().map(|entry| entry.route.host.as_str()).collect();
        let groups: HashSet<&str> = snapshot.routes().iter().map(|entry| entry.route.group.as_str()).collect();
        self.hosts.retain(|host| hosts.contains(host));
        self.groups.retain(|group| groups.contains(group));
    }

    /// A request was refused before a host was tried.
    pub(crate) fn refused(&self, code: &'static str) {
        self.refusals[self.codes.number(code)].increment();
    }

    /// An attempt has its first output, or failed.
    pub(crate) fn attempted(&self, host: &HostMeters, attempt: &AttemptRecord) {
        let class = self.classes.number(attempt.class.unwrap_or(NONE));
        if let Some(end) = AttemptEnd::ALL.iter().position(|end| end.as_str() == attempt.end) {
            host.attempts[end][class].increment();
        }
        host.duration.observe(attempt.us);
    }

    /// A request has its outcome. `last` is the route that served it, or failed it.
    pub(crate) fn settled(&self, surface: Surface, outcome: &Outcome, last: Option<&RouteWire>) {
        let class = self.classes.number(outcome.error_class.unwrap_or(NONE));
        let of_surface = &self.surfaces[surface as usize];
        of_surface.requests[outcome.verdict as usize][class].increment();
        of_surface.duration.observe(outcome.latency_us);
        if let Some(micros) = outcome.first_output_us {
            of_surface.first_output.observe(micros);
            // Of a request that no host served, the overhead is all there is, and says nothing.
            self.overhead.observe(outcome.overhead_us.unwrap_or_default());
            self.sticky[self.actions.number(outcome.sticky_action).min(7)].increment();
        }
        self.request_bytes.add(outcome.request_bytes);
        self.response_bytes.add(outcome.response_bytes);
        for (happened, counter) in [
            (outcome.fallback_used, &self.fallbacks),
            (outcome.panic, &self.panics),
            (outcome.possible_double_bill, &self.double_bills),
            (outcome.usage.provenance.is_some() && outcome.price_nanos.is_none(), &self.unpriced),
        ] {
            if happened {
                counter.increment();
            }
        }
        if let Some(route) = last {
            route.of_group.settled(&outcome.usage, outcome.price_nanos);
            route.of_host.cost_nanos.add(unsigned(outcome.cost_nanos));
        }
    }

    /// Writes everything.
    pub(crate) fn expose(&self, exposition: &mut Exposition) {
        self.expose_requests(exposition);
        self.expose_hosts(exposition);
        self.expose_groups(exposition);
        for (definition, counter) in [
            (&of::FALLBACKS, &self.fallbacks),
            (&of::PANICS, &self.panics),
            (&of::DOUBLE_BILLS, &self.double_bills),
            (&of::UNPRICED, &self.unpriced),
            (&of::REQUEST_BYTES, &self.request_bytes),
            (&of::RESPONSE_BYTES, &self.response_bytes),
            (&of::TURNED_AWAY, &self.turned_away),
        ] {
            exposition.family(definition).sample(&[], counter.get());
        }
    }

    fn expose_requests(&self, exposition: &mut Exposition) {
        let surfaces = || Surface::ALL.iter().map(|surface| surface.as_str()).zip(&self.surfaces);
        let mut family = exposition.family(&of::REQUESTS);
        for (surface, counted) in surfaces() {
            for (verdict, by_class) in Verdict::ALL.iter().zip(&*counted.requests) {
                for (class, count) in self.met(by_class) {
                    family.sample(&[surface, verdict.as_str(), class], count);
                }
            }
        }
        let mut family = exposition.family(&of::DURATION);
        for (surface, counted) in surfaces() {
            family.histogram(&[surface], &counted.duration);
        }
        let mut family = exposition.family(&of::FIRST_OUTPUT);
        for (surface, counted) in surfaces() {
            family.histogram(&[surface], &counted.first_output);
        }
        exposition.family(&of::OVERHEAD).histogram(&[], &self.overhead);
        let mut family = exposition.family(&of::STICKY);
        for (number, counter) in self.sticky.iter().enumerate().filter(|(_, counter)| counter.get() > 0) {
            family.sample(&[self.actions.word(number)], counter.get());
        }
        let mut family = exposition.family(&of::REFUSALS);
        for (number, counter) in self.refusals.iter().enumerate().filter(|(_, counter)| counter.get() > 0) {
            family.sample(&[self.codes.word(number)], counter.get());
        }
    }

    fn expose_hosts(&self, exposition: &mut Exposition) {
        let hosts = self.hosts.all();
        let mut family = exposition.family(&of::ATTEMPTS);
        for (host, counted) in &hosts {
            for (end, by_class) in AttemptEnd::ALL.iter().zip(&*counted.attempts) {
                for (class, count) in self.met(by_class) {
                    family.sample(&[host, end.as_str(), class], count);
                }
            }
        }
        let mut family = exposition.family(&of::ATTEMPT_DURATION);
        for (host, counted) in &hosts {
            family.histogram(&[host], &counted.duration);
        }
        let mut family = exposition.family(&of::COST);
        for (host, counted) in &hosts {
            family.sample(&[host], money(&counted.cost_nanos));
        }
    }

    fn expose_groups(&self, exposition: &mut Exposition) {
        let groups = self.groups.all();
        let mut family = exposition.family(&of::TOKENS);
        for (group, counted) in &groups {
            for (kind, counter) in TOKENS.iter().zip(&counted.tokens) {
                family.sample(&[group, kind], counter.get());
            }
        }
        let mut family = exposition.family(&of::PRICE);
        for (group, counted) in &groups {
            family.sample(&[group], money(&counted.price_nanos));
        }
    }

    /// What was counted of each class that has been met.
    fn met<'m>(&'m self, by_class: &'m [Counter; CLASSES]) -> impl Iterator<Item = (&'static str, u64)> + 'm {
        let counts = by_class.iter().map(Counter::get).enumerate().filter(|(_, count)| *count > 0);
        counts.map(|(number, count)| (self.classes.word(number), count))
    }
}

impl GroupMeters {
    fn settled(&self, usage: &Usage, price_nanos: Option<i64>) {
        let counts = [usage.input, usage.cached_input, usage.cache_write, usage.output, usage.reasoning];
        for (counter, count) in self.tokens.iter().zip(counts) {
            // Absent and zero add nothing alike.
            if let Some(count) = count.filter(|count| *count > 0) {
                counter.add(count);
            }
        }
        self.price_nanos.add(unsigned(price_nanos));
    }
}

/// Prices and costs are never negative; one that is unknown adds nothing.
fn unsigned(nanos: Option<i64>) -> u64 {
    nanos.and_then(|nanos| nanos.try_into().ok()).unwrap_or_default()
}

fn money(nanos: &Counter) -> f64 {
    nanos.get() as f64 / 1e9
}

impl crate::Gateway {
    /// Writes what the data plane has counted, and how it is now.
    pub fn expose(&self, exposition: &mut Exposition) {
        self.meters.expose(exposition);
        let load = self.retries.load();
        exposition.family(&of::IN_FLIGHT).sample(&[], load.requests);
        exposition.family(&of::RETRIES_IN_FLIGHT).sample(&[], load.retries);
        exposition.family(&of::RETRIES_REFUSED).sample(&[], load.refused);
        let open = self.options.max_connections.saturating_sub(self.places.available_permits());
        exposition.family(&of::CONNECTIONS).sample(&[], open);
        exposition.family(&of::CONNECTIONS_MOST).sample(&[], self.options.max_connections);
        exposition.family(&of::BUFFERED).sample(&[], self.buffers.held());
        exposition.family(&of::BUFFERED_MOST).sample(&[], self.options.max_buffered);
        let (exported, dropped) = self.tracer.as_ref().map(Tracer::counts).unwrap_or_default();
        exposition.family(&of::SPANS).sample(&[], exported);
        exposition.family(&of::SPANS_DROPPED).sample(&[], dropped);
    }

    /// Families of [`crate::Gateway::expose`].
    pub const METRICS: &'static [&'static relay_metrics::Definition] = DEFINITIONS;
}

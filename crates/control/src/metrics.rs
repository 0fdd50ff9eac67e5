//! What the control plane knows as numbers (docs/metrics.md): read when somebody scrapes, not
//! counted while requests run. Consumer keys and routes are told by how many are how, never by name.

use std::collections::BTreeMap;
use std::time::Duration;

use relay_domain::{HostId, Timestamp};
use relay_health::HostTally;
use relay_ledger::LedgerStats;
use relay_metrics::{Definition, Exposition, Kind, MOST_NAMES};
use relay_routing::Snapshot;
use relay_store::{GrantCounts, GrantFilter};

use crate::Control;

/// A consumer key that ends within this time is told apart.
const EXPIRES_SOON: Duration = Duration::from_hours(7 * 24);

/// What a scrape waits for the database. One that hangs is told as down, with all other numbers.
const STORE_LIMIT: Duration = Duration::from_secs(2);

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Definition {
    Definition { name, kind: Kind::Gauge, labels, help }
}

const fn counter(name: &'static str, help: &'static str) -> Definition {
    Definition { name, kind: Kind::Counter, labels: &[], help }
}

static GENERATION: Definition = gauge("relay_generation", &[], "The generation of the fleet in force.");
static FLEET: Definition =
    gauge("relay_fleet", &["noun"], "Hosts, groups, routes and keys of the generation in force.");
static KEYS: Definition =
    gauge("relay_keys", &["state"], "Consumer keys: valid, expiring (within seven days), expired, disabled.");
static HOST_UP: Definition = gauge(
    "relay_host_up",
    &["host"],
    "1 while requests may be sent to the host: its breaker is closed, and it does not refuse our address.",
);
static HOST_BREAKER: Definition = gauge(
    "relay_host_breaker",
    &["host", "state"],
    "1 for the state of the host's breaker: closed, open or half_open.",
);
static ROUTE_BREAKERS: Definition =
    gauge("relay_route_breakers", &["host", "state"], "Routes to the host by the state of their breaker.");
static COOLING: Definition = gauge(
    "relay_cooling_credentials",
    &["host", "reason"],
    "Credentials not sent on a route now, counted for each route: rate_limited, quota, refused.",
);
static DRIFTING: Definition = gauge("relay_drifting_routes", &["host"], "Routes that do not fit what the host offers.");
static BINDINGS: Definition = gauge("relay_bindings", &[], "Sticky bindings kept.");
static LOG_QUEUE: Definition = gauge("relay_log_queue", &[], "Intents that wait for the disk.");
static LOG_LAG: Definition = gauge(
    "relay_log_lag_seconds",
    &[],
    "Age of the oldest row of the decision log that is on disk and not yet where lists see it.",
);
static LOG_FAILING: Definition = gauge(
    "relay_log_failing_seconds",
    &[],
    "For how long the decision log has not been written or filed; 0 when it works.",
);
static LOG_ACCEPTED: Definition =
    counter("relay_log_rows_accepted_total", "Rows that requests gave to the decision log.");
static LOG_WRITTEN: Definition = counter("relay_log_rows_written_total", "Rows on disk.");
static LOG_FILED: Definition = counter("relay_log_rows_filed_total", "Rows where lists see them.");
static LOG_LOST: Definition = counter("relay_log_rows_lost_total", "Rows that will never be written.");
static LOG_STALLED: Definition =
    counter("relay_log_stalled_requests_total", "Requests refused because the decision log kept them waiting.");
static LOG_CONTINUED: Definition = counter(
    "relay_log_continued_requests_total",
    "Requests that went on although the decision log kept them waiting (log.on_stall = \"continue\").",
);
static STORE_UP: Definition = gauge("relay_store_up", &[], "1 while the database answers.");
static GRANTS: Definition =
    gauge("relay_grants", &["state"], "Managed access by state: pending, ready, refused, revoked.");

impl Control {
    /// Families of [`Control::expose`].
    pub const METRICS: &'static [&'static Definition] = &[
        &GENERATION,
        &FLEET,
        &KEYS,
        &HOST_UP,
        &HOST_BREAKER,
        &ROUTE_BREAKERS,
        &COOLING,
        &DRIFTING,
        &BINDINGS,
        &LOG_QUEUE,
        &LOG_LAG,
        &LOG_FAILING,
        &LOG_ACCEPTED,
        &LOG_WRITTEN,
        &LOG_FILED,
        &LOG_LOST,
        &LOG_STALLED,
        &LOG_CONTINUED,
        &STORE_UP,
        &GRANTS,
    ];

    /// Writes how everything is now; takes `STORE_LIMIT` at most. Dropping the future leaves
    /// nothing behind.
    pub async fn expose(&self, now: std::time::Instant, exposition: &mut Exposition) {
        let snapshot = self.snapshot();
        expose_fleet(&snapshot, self.now(), exposition);
        expose_health(&self.parts.health.tally(now), exposition);
        exposition.family(&BINDINGS).sample(&[], self.parts.bindings.count().await);
        expose_log(&self.parts.ledger.stats(), exposition);
        let filter = GrantFilter::default();
        let asked = tokio::time::timeout(STORE_LIMIT, self.parts.store.grant_counts(&filter)).await;
        let counts = asked.ok().and_then(Result::ok);
        exposition.family(&STORE_UP).sample(&[], u8::from(counts.is_some()));
        expose_grants(counts, exposition);
    }
}

fn expose_fleet(snapshot: &Snapshot, now: Timestamp, exposition: &mut Exposition) {
    exposition.family(&GENERATION).sample(&[], snapshot.generation());
    let mut family = exposition.family(&FLEET);
    family.sample(&["hosts"], snapshot.hosts().len());
    family.sample(&["groups"], snapshot.groups().len());
    family.sample(&["routes"], snapshot.routes().len());
    family.sample(&["keys"], snapshot.keys().len());
    let soon = now.saturating_add(EXPIRES_SOON).unwrap_or(now);
    let mut states = BTreeMap::from(["valid", "expiring", "expired", "disabled"].map(|state| (state, 0_u64)));
    for key in snapshot.keys() {
        let state = match key.expires_at {
            _ if !key.enabled => "disabled",
            Some(ends) if ends <= now => "expired",
            Some(ends) if ends <= soon => "expiring",
            _ => "valid",
        };
        *states.entry(state).or_default() += 1;
    }
    let mut family = exposition.family(&KEYS);
    for (state, count) in states {
        family.sample(&[state], count);
    }
}

/// Hosts beyond [`MOST_NAMES`] are not told; what is wrong with them is in `health`.
fn expose_health(tallies: &BTreeMap<HostId, HostTally>, exposition: &mut Exposition) {
    let hosts = || tallies.iter().take(MOST_NAMES).map(|(host, tally)| (host.as_str(), tally));
    let mut family = exposition.family(&HOST_UP);
    for (host, tally) in hosts() {
        family.sample(&[host], u8::from(tally.breaker.closed == 1 && !tally.bans_us));
    }
    let mut family = exposition.family(&HOST_BREAKER);
    for (host, tally) in hosts() {
        for (state, is) in tally.breaker.by_state() {
            family.sample(&[host, state], is);
        }
    }
    let mut family = exposition.family(&ROUTE_BREAKERS);
    for (host, tally) in hosts() {
        for (state, count) in tally.routes.by_state() {
            family.sample(&[host, state], count);
        }
    }
    let mut family = exposition.family(&COOLING);
    for (host, tally) in hosts() {
        for (reason, count) in &tally.cooling {
            family.sample(&[host, reason], count);
        }
    }
    let mut family = exposition.family(&DRIFTING);
    for (host, tally) in hosts() {
        family.sample(&[host], tally.drifting);
    }
}

fn expose_log(log: &LedgerStats, exposition: &mut Exposition) {
    exposition.family(&LOG_QUEUE).sample(&[], log.queued);
    exposition.family(&LOG_LAG).sample(&[], seconds(log.lag_ms));
    exposition.family(&LOG_FAILING).sample(&[], seconds(log.failing_ms.unwrap_or_default()));
    for (definition, count) in [
        (&LOG_ACCEPTED, log.accepted),
        (&LOG_WRITTEN, log.written),
        (&LOG_FILED, log.filed),
        (&LOG_LOST, log.lost),
        (&LOG_STALLED, log.stalled),
        (&LOG_CONTINUED, log.continued),
    ] {
        exposition.family(definition).sample(&[], count);
    }
}

fn expose_grants(counts: Option<GrantCounts>, exposition: &mut Exposition) {
    let mut family = exposition.family(&GRANTS);
    let Some(counts) = counts else { return };
    for (state, count) in
        [("pending", counts.pending), ("ready", counts.ready), ("refused", counts.refused), ("revoked", counts.revoked)]
    {
        family.sample(&[state], count);
    }
}

fn seconds(millis: u64) -> f64 {
    millis as f64 / 1e3
}

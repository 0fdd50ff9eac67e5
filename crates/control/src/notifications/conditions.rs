//! What is wrong just now, read off the health of the fleet, the decision log's
//! counters and the fleet itself. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use relay_domain::{Amount, Timestamp};
use relay_health::{BreakerReport, CredentialId, HostReport, Report, RouteReport};
use relay_ledger::LedgerStats;
use relay_notify::{Event, Kind, Phase, Severity};
use relay_routing::Snapshot;
use serde_json::{Map, Value, json};

use crate::BudgetUse;
use crate::status::STALLED_AFTER_MS;

/// A consumer key that ends within this time is told of.
const EXPIRES_SOON: Duration = Duration::from_hours(7 * 24);

/// A key is dead when it has been refused for so long without a success between; a single
/// refusal is not worth waking anybody.
const REFUSED_FOR: Duration = Duration::from_secs(30);

/// Everything that holds.
pub(crate) fn holding(report: &Report, snapshot: &Snapshot, log: &LedgerStats, now: Timestamp) -> Vec<Event> {
    let mut events: Vec<_> = report.hosts.iter().filter_map(|host| host_down(host, now)).collect();
    events.extend(credentials(report, now));
    events.extend(report.routes.iter().filter_map(|route| drift(route, now)));
    events.extend(panic_mode(report, snapshot, now));
    events.extend(log_stalled(log, now));
    events.extend(keys_expiring(snapshot, now));
    events
}

pub(super) fn event(
    kind: Kind,
    severity: Severity,
    subject: &str,
    facts: Value,
    since: Timestamp,
    now: Timestamp,
) -> Event {
    let mut facts = match facts {
        Value::Object(facts) => facts,
        _ => Map::new(),
    };
    facts.retain(|_, value| !value.is_null());
    Event { kind, phase: Phase::Firing, severity, subject: subject.to_owned(), facts, since: since.min(now), at: now }
}

fn is_well(breaker: &BreakerReport) -> bool {
    breaker.state == "closed"
}

fn host_down(host: &HostReport, now: Timestamp) -> Option<Event> {
    let breaker = &host.breaker;
    let (facts, since) = match &host.address_banned {
        _ if !is_well(breaker) => {
            let facts =
                json!({ "class": breaker.class, "opened_by": breaker.opened_by, "expected_back": breaker.until });
            (facts, breaker.since)
        }
        Some(banned) => (json!({ "reason": banned.reason, "expected_back": banned.until }), Some(banned.since)),
        None => return None,
    };
    Some(event(Kind::HostDown, Severity::Critical, host.host.as_str(), facts, since.unwrap_or(now), now))
}

/// A key refused, or without money, on one route is so on all routes of the host.
fn credentials(report: &Report, now: Timestamp) -> Vec<Event> {
    let mut found: BTreeMap<(Kind, String, u64), (Timestamp, Vec<&str>)> = BTreeMap::new();
    for route in &report.routes {
        for (CredentialId(credential), cooling) in &route.credentials {
            let kind = match (cooling.reason, cooling.quota) {
                ("refused", _) if now.duration_since(cooling.since).unsigned_abs() >= REFUSED_FOR => {
                    Kind::CredentialDead
                }
                ("quota", Some("balance")) => Kind::BalanceLow,
                _ => continue,
            };
            let entry = found.entry((kind, route.host.to_string(), *credential));
            let (since, routes) = entry.or_insert((cooling.since, Vec::new()));
            *since = cooling.since.min(*since);
            routes.push(route.route.as_str());
        }
    }
    let told = |((kind, host, credential), (since, routes)): (_, (_, Vec<&str>))| {
        let key = format!("{credential:016x}");
        let subject = format!("{host}, key {key}");
        event(
            kind,
            Severity::Warning,
            &subject,
            json!({ "host_id": host, "credential": key, "routes": routes }),
            since,
            now,
        )
    };
    found.into_iter().map(told).collect()
}

fn drift(route: &RouteReport, now: Timestamp) -> Option<Event> {
    let flag = route.flags.first()?;
    let facts = json!({ "host_id": route.host.as_str(), "flag": flag.flag });
    Some(event(Kind::Drift, Severity::Warning, route.route.as_str(), facts, flag.since, now))
}

/// A route, and since when it is left alone, if it is.
type LeftAlone<'a> = (&'a str, Option<Timestamp>);

/// Models of which every enabled route, or its host, is left alone.
fn panic_mode(report: &Report, snapshot: &Snapshot, now: Timestamp) -> Vec<Event> {
    let routes: BTreeMap<_, _> = report.routes.iter().map(|route| (route.route.as_str(), &route.breaker)).collect();
    let hosts: BTreeMap<_, _> = report.hosts.iter().map(|host| (host.host.as_str(), &host.breaker)).collect();
    let mut models: BTreeMap<(String, String), Vec<LeftAlone<'_>>> = BTreeMap::new();
    for entry in snapshot.routes().iter().filter(|entry| entry.disabled.is_none()) {
        let route = &entry.route;
        let breakers = [routes.get(route.id.as_str()), hosts.get(route.host.as_str())];
        let broken = breakers.into_iter().flatten().find(|breaker| !is_well(breaker));
        let model = (route.group.to_string(), route.public_model.to_string());
        models.entry(model).or_default().push((route.id.as_str(), broken.map(|breaker| breaker.since.unwrap_or(now))));
    }
    let told = |((group, model), routes): (_, Vec<LeftAlone<'_>>)| {
        // It is so since the last of them was left alone.
        let since = routes.iter().map(|(_, since)| *since).collect::<Option<Vec<_>>>()?.into_iter().max()?;
        let ids: Vec<_> = routes.iter().map(|(id, _)| *id).collect();
        let facts = json!({ "logical_group_id": group, "public_model": model, "routes": ids });
        Some(event(Kind::PanicMode, Severity::Critical, &format!("{group}/{model}"), facts, since, now))
    };
    models.into_iter().filter_map(told).collect()
}

fn log_stalled(log: &LedgerStats, now: Timestamp) -> Option<Event> {
    let lasting = log.failing_ms.filter(|lasting| *lasting >= STALLED_AFTER_MS)?;
    let since = now.saturating_sub(Duration::from_millis(lasting)).unwrap_or(now);
    let facts = json!({ "error": log.last_error, "refused": log.stalled });
    Some(event(Kind::LogStalled, Severity::Critical, "decision log", facts, since, now))
}

fn keys_expiring(snapshot: &Snapshot, now: Timestamp) -> Vec<Event> {
    let soon = now.saturating_add(EXPIRES_SOON).unwrap_or(now);
    let told = |key: &relay_domain::ConsumerKey| {
        let ends = key.expires_at.filter(|ends| key.enabled && *ends > now && *ends <= soon)?;
        let facts = json!({ "expires_at": ends });
        Some(event(Kind::KeyExpiring, Severity::Warning, key.id.as_str(), facts, now, now))
    };
    snapshot.keys().iter().filter_map(told).collect()
}

/// Budgets that run out. One that is used up is told again, and more urgently.
pub(super) fn budgets(uses: &[BudgetUse], now: Timestamp) -> Vec<Event> {
    let told = |found: &BudgetUse| {
        let (limit, used) = match found.budget.amount {
            Amount::Tokens(limit) => (format!("{limit} tokens"), format!("{} tokens", found.tokens)),
            Amount::Money(limit) => (limit.to_string(), found.money.to_string()),
        };
        let period = found.budget.period.as_str();
        let subject = format!("{}, {limit} a {period}", found.of);
        let severity = if found.is_spent { Severity::Warning } else { Severity::Info };
        let facts = json!({ "limit": limit, "used": used, "period": period, "ends_at": found.ends_at });
        event(Kind::BudgetReached, severity, &subject, facts, now, now)
    };
    uses.iter().map(told).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::fmt::Write as _;

    use relay_domain::{Fleet, HostId, KeyHash, RouteId, Secret};
    use relay_health::{CoolingReport, FlagReport};

    use super::*;
    use crate::fleet_document::{self, FleetDocument, NoSecrets, Reading};

    fn now() -> Timestamp {
        "2026-11-26T12:00:00Z".parse().unwrap()
    }

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(now().as_second() + 60 * minutes).unwrap()
    }

    const CLOSED: BreakerReport =
        BreakerReport { state: "closed", opened_by: None, class: None, since: None, until: None };

    fn open(minutes: i64) -> BreakerReport {
        let (since, until) = (Some(at(minutes)), Some(at(1)));
        BreakerReport { state: "open", opened_by: Some("consecutive"), class: Some("transport_error"), since, until }
    }

    fn host(id: &str, breaker: BreakerReport) -> HostReport {
        HostReport { host: HostId::new(id).unwrap(), breaker, address_banned: None }
    }

    fn route(id: &str, host: &str, breaker: BreakerReport) -> RouteReport {
        RouteReport {
            route: RouteId::new(id).unwrap(),
            host: HostId::new(host).unwrap(),
            breaker,
            credentials: Vec::new(),
            flags: Vec::new(),
            succeeded: 0,
            failed: 0,
            ttft_p50: None,
            ttft_p99: None,
            last_used: None,
        }
    }

    fn told(report: &Report, snapshot: &Snapshot, log: &LedgerStats) -> String {
        let events = holding(report, snapshot, log, now());
        let line = |event: &Event| {
            let facts = Value::Object(event.facts.clone());
            format!("{} {:?} {} since {}: {facts}", event.kind, event.severity, event.subject, event.since)
        };
        events.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    fn none() -> Snapshot {
        Snapshot::build(&Fleet::default())
    }

    /// Routes a and b of model gpt-5 on their own hosts, and keys that expire.
    fn fleet() -> Snapshot {
        let mut text = "[[group]]\nlogical_group_id = \"gpt\"\n".to_owned();
        for (route, enabled) in [("a", true), ("b", true), ("off", false)] {
            let _ = write!(
                text,
                "[[host]]\nhost_id = \"{route}-host\"\nkind = \"openai\"\nbase_url = \"https://{route}.example\"\n\
                 [[route]]\nroute_id = \"{route}\"\nlogical_group_id = \"gpt\"\npublic_model = \"gpt-5\"\nenabled = {enabled}\n\
                 shadow_host_id = \"{route}-host\"\nshadow_group_id = \"7\"\ncredential = \"caller\"\n"
            );
        }
        for (key, day, enabled) in [("soon", 28, true), ("later", 5, true), ("off", 28, false)] {
            let month = if day > 20 { "2026-11" } else { "2026-12" };
            let _ = write!(
                text,
                "[[key]]\nkey_id = \"{key}\"\nlogical_groups = [\"gpt\"]\nenabled = {enabled}\nexpires_at = \"{month}-{day:02}T00:00:00Z\"\n"
            );
        }
        let (current, keys) = (Fleet::default(), Cell::new(0_u8));
        let hash_key = |secret: &Secret| KeyHash([secret.expose().len() as u8; 32]);
        let generate_key = || {
            keys.set(keys.get() + 1);
            Secret::new(&"k".repeat(20 + usize::from(keys.get())))
        };
        let reading = Reading {
            current: &current,
            resolver: &NoSecrets,
            hash_key: &hash_key,
            generate_key: &generate_key,
            now: now(),
        };
        let read = fleet_document::read(&FleetDocument::from_toml(&text).unwrap(), &reading).unwrap();
        Snapshot::build(&read.fleet)
    }

    /// The lines about that kind.
    fn of(kind: &str, report: &Report) -> String {
        let told = told(report, &fleet(), &LedgerStats::default());
        told.lines().filter(|line| line.starts_with(kind)).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_model_panics_when_all_its_enabled_routes_are_left_alone_for_whatever_reason() {
        let hosts = |a, b| vec![host("a-host", a), host("b-host", b)];
        let routes = |a, b| vec![route("a", "a-host", a), route("b", "b-host", b), route("off", "off-host", CLOSED)];
        let one = Report { hosts: hosts(CLOSED, CLOSED), routes: routes(open(-9), CLOSED) };
        assert_eq!(of("panic_mode", &one), "");
        let both = Report { hosts: hosts(CLOSED, open(-3)), routes: routes(open(-9), CLOSED) };
        assert_eq!(
            of("panic_mode", &both),
            "panic_mode Critical gpt/gpt-5 since 2026-11-26T11:57:00Z: \
             {\"logical_group_id\":\"gpt\",\"public_model\":\"gpt-5\",\"routes\":[\"a\",\"b\"]}"
        );
    }

    #[test]
    fn a_key_in_use_is_told_of_in_its_last_week() {
        let expected =
            "key_expiring Warning soon since 2026-11-26T12:00:00Z: {\"expires_at\":\"2026-11-28T00:00:00Z\"}";
        assert_eq!(of("key_expiring", &Report { hosts: Vec::new(), routes: Vec::new() }), expected);
    }

    #[test]
    fn a_fleet_that_is_well_says_nothing() {
        let report = Report { hosts: vec![host("tokyo", CLOSED)], routes: vec![route("a", "tokyo", CLOSED)] };
        let log = LedgerStats { failing_ms: Some(STALLED_AFTER_MS - 1), ..LedgerStats::default() };
        assert_eq!(told(&report, &none(), &log), "");
    }

    #[test]
    fn hosts_keys_routes_and_the_log_say_what_is_wrong_with_them() {
        let cooling = |reason, quota, minutes| CoolingReport { reason, quota, since: at(minutes), until: at(1) };
        let mut banned = host("kyoto", CLOSED);
        banned.address_banned = Some(cooling("address_banned", None, -5));
        let half_open = BreakerReport { state: "half_open", until: None, ..open(-9) };
        let (mut a, mut b, mut c) =
            (route("a", "osaka", CLOSED), route("b", "osaka", CLOSED), route("c", "osaka", CLOSED));
        a.credentials = vec![(CredentialId(7), cooling("refused", None, -2))];
        b.credentials = vec![(CredentialId(7), cooling("refused", None, -3))];
        c.credentials = vec![
            (CredentialId(8), cooling("quota", Some("balance"), -4)),
            (CredentialId(9), cooling("quota", Some("5h"), -4)),
        ];
        c.credentials.push((CredentialId(10), cooling("refused", None, 0)));
        c.flags = vec![FlagReport { flag: "drift", since: at(-6) }];
        let report =
            Report { hosts: vec![host("tokyo", open(-10)), host("nagoya", half_open), banned], routes: vec![a, b, c] };
        let log = LedgerStats {
            failing_ms: Some(30_000),
            stalled: 12,
            last_error: Some("no space left on device".into()),
            ..LedgerStats::default()
        };
        insta::assert_snapshot!(told(&report, &none(), &log));
    }
}

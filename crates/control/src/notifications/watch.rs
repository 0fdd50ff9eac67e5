//! Turns what holds at each look into events: it begins, it goes on, it is over.
//!
//! What comes and goes is one incident: something is over only when it has not
//! been seen for a while. That also bridges a restart, after which a breaker is
//! closed until somebody has met the host again.

use std::collections::BTreeMap;
use std::time::Duration;

use relay_domain::Timestamp;
use relay_notify::{Event, Kind, Phase, Severity};
use relay_store::notification::Incident;

/// Not seen for so long, it is over.
const SETTLED: Duration = Duration::from_mins(1);

/// The same of a key. Nothing is seen of it between the end of a cool-down and the next
/// use, which a probe makes where nobody else does (docs/failure.md: after five minutes).
const KEY_SETTLED: Duration = Duration::from_mins(15);

/// What goes on is raised again after so long, which is where reminders come from.
const AGAIN: Duration = Duration::from_mins(1);

/// What was noticed and is not over.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch {
    open: BTreeMap<(Kind, String), Open>,
}

#[derive(Clone, Debug)]
struct Open {
    event: Event,
    raised_at: Option<Timestamp>,
    clear_since: Option<Timestamp>,
}

/// Kinds that are noticed by looking. What others raise is theirs to end.
const WATCHED: [Kind; 8] = [
    Kind::HostDown,
    Kind::CredentialDead,
    Kind::BalanceLow,
    Kind::AccountsUnavailable,
    Kind::Drift,
    Kind::LogStalled,
    Kind::PanicMode,
    Kind::BudgetReached,
];

impl Watch {
    /// Goes on where an earlier process stopped: what was told and has not ended
    /// is open until it is seen again or has settled.
    pub(crate) fn resume(incidents: &[Incident], now: Timestamp) -> Self {
        let watched = |incident: &&Incident| WATCHED.iter().any(|kind| kind.as_str() == incident.key.kind);
        let mut open = BTreeMap::new();
        for incident in incidents.iter().filter(watched) {
            let (Ok(kind), severity) = (incident.key.kind.parse::<Kind>(), incident.severity.parse()) else { continue };
            let event = Event {
                kind,
                phase: Phase::Firing,
                severity: severity.unwrap_or(Severity::Warning),
                subject: incident.key.subject.clone(),
                facts: serde_json::Map::new(),
                since: incident.since,
                at: now,
            };
            open.insert((kind, incident.key.subject.clone()), Open { event, raised_at: None, clear_since: Some(now) });
        }
        Self { open }
    }

    /// What to raise, of all that holds now.
    pub(crate) fn step(&mut self, holding: Vec<Event>, now: Timestamp) -> Vec<Event> {
        let mut raise = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        for event in holding {
            let key = (event.kind, event.subject.clone());
            seen.insert(key.clone());
            let fresh = || Open { event: event.clone(), raised_at: None, clear_since: None };
            let open = self.open.entry(key).or_insert_with(fresh);
            let is_worse = event.severity > open.event.severity;
            open.event = Event { since: open.event.since.min(event.since), ..event };
            open.clear_since = None;
            if is_worse || open.raised_at.is_none_or(|at| is_past(at, AGAIN, now)) {
                open.raised_at = Some(now);
                raise.push(open.event.clone());
            }
        }
        self.open.retain(|key, open| {
            if seen.contains(key) {
                return true;
            }
            let clear_since = *open.clear_since.get_or_insert(now);
            if !is_past(clear_since, settled(key.0), now) {
                return true;
            }
            if key.0.lasts() {
                raise.push(Event { phase: Phase::Recovered, at: clear_since, ..open.event.clone() });
            }
            false
        });
        raise
    }
}

fn settled(kind: Kind) -> Duration {
    match kind {
        Kind::CredentialDead | Kind::BalanceLow => KEY_SETTLED,
        _ => SETTLED,
    }
}

fn is_past(at: Timestamp, span: Duration, now: Timestamp) -> bool {
    now >= at && now.duration_since(at).unsigned_abs() >= span
}

#[cfg(test)]
mod tests {
    use relay_store::notification::IncidentKey;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_795_665_600 + seconds).unwrap()
    }

    fn event(kind: Kind, severity: Severity, seconds: i64) -> Event {
        let facts = serde_json::Map::new();
        Event { kind, phase: Phase::Firing, severity, subject: "a".into(), facts, since: at(seconds), at: at(seconds) }
    }

    fn words(events: &[Event]) -> String {
        let word = |event: &Event| {
            let after = |time: Timestamp| time.as_second() - at(0).as_second();
            format!("{}:{}..{}", event.phase.as_str(), after(event.since), after(event.at))
        };
        events.iter().map(word).collect::<Vec<_>>().join(" ")
    }

    /// Looks every 30 seconds; `x` where something holds.
    fn looks(kind: Kind, holding: &str) -> Vec<String> {
        let mut watch = Watch::default();
        let look = |(n, holds): (usize, char)| {
            let seconds = 30 * i64::try_from(n).unwrap();
            let holding = if holds == 'x' { vec![event(kind, Severity::Warning, seconds)] } else { Vec::new() };
            words(&watch.step(holding, at(seconds)))
        };
        holding.chars().enumerate().map(look).collect()
    }

    #[test]
    fn what_is_not_seen_for_a_minute_is_over_since_it_was_not_seen() {
        assert_eq!(looks(Kind::HostDown, "x...."), ["firing:0..0", "", "", "recovered:0..30", ""]);
    }

    #[test]
    fn what_comes_and_goes_is_one_incident() {
        assert_eq!(looks(Kind::HostDown, "x.x.x"), ["firing:0..0", "", "firing:0..60", "", "firing:0..120"]);
    }

    #[test]
    fn a_key_that_nobody_tries_for_some_minutes_is_not_well_yet() {
        let told = looks(Kind::CredentialDead, &format!("x{}x{}", ".".repeat(20), ".".repeat(31)));
        assert_eq!(told[21], "firing:0..630", "seen again after ten minutes: the same incident");
        assert!(told[22..52].iter().all(String::is_empty));
        assert_eq!(told[52], "recovered:0..660");
    }

    #[test]
    fn an_occasion_has_no_end() {
        assert_eq!(looks(Kind::KeyExpiring, "x...."), ["firing:0..0", "", "", "", ""]);
    }

    #[test]
    fn what_becomes_worse_is_raised_at_once() {
        let mut watch = Watch::default();
        watch.step(vec![event(Kind::HostDown, Severity::Warning, 0)], at(0));
        assert_eq!(words(&watch.step(vec![event(Kind::HostDown, Severity::Warning, 1)], at(1))), "");
        assert_eq!(words(&watch.step(vec![event(Kind::HostDown, Severity::Critical, 2)], at(2))), "firing:0..2");
    }

    fn told(kind: &str) -> Incident {
        let key = IncidentKey { channel: "ops".into(), kind: kind.into(), subject: "a".into() };
        Incident { key, since: at(-100), told_at: at(-100), severity: "critical".into(), digest: String::new() }
    }

    #[test]
    fn after_a_restart_what_settles_is_over_and_what_is_seen_goes_on() {
        let mut watch = Watch::resume(&[told("host_down")], at(0));
        assert_eq!(words(&watch.step(Vec::new(), at(30))), "");
        let mut seen_again = watch.clone();
        assert_eq!(words(&watch.step(Vec::new(), at(60))), "recovered:-100..0");
        let down = vec![event(Kind::HostDown, Severity::Critical, 40)];
        assert_eq!(words(&seen_again.step(down, at(40))), "firing:-100..40", "told already, as the notifier knows");
    }

    #[test]
    fn what_others_raised_is_theirs_to_end() {
        for kind in ["price_changed", "key_expiring", "unknown"] {
            let mut watch = Watch::resume(&[told(kind)], at(0));
            assert_eq!(words(&watch.step(Vec::new(), at(120))), "", "{kind}");
        }
    }
}

//! Whether an event is told, and when: once when something begins, again when it
//! goes on for long or becomes worse, once when it is over.
//!
//! What is remembered of an incident holds the time at which it is told last,
//! which quiet hours may put into the future. That time alone says whether
//! anybody has heard of it: an incident that is over before then is never told.

use jiff::Timestamp;
use relay_store::notification::{Incident, IncidentKey};
use sha2::{Digest as _, Sha256};

use crate::{Event, Phase, Rules, Severity};

/// What an event changes for a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What is remembered from now on; `None` forgets the incident.
    pub incident: Option<Incident>,
    /// When the event is told; `None` tells nothing, and withdraws what waits.
    pub tell_at: Option<Timestamp>,
}

/// Judges an event by what the channel was told before. `None` changes nothing.
pub fn judge(channel: &str, event: &Event, known: Option<&Incident>, rules: &Rules, now: Timestamp) -> Option<Verdict> {
    match event.phase {
        Phase::Firing => begins(channel, event, known, rules, now),
        Phase::Recovered => known.map(|known| ends(known, rules, now)),
    }
}

fn begins(channel: &str, event: &Event, known: Option<&Incident>, rules: &Rules, now: Timestamp) -> Option<Verdict> {
    let digest = digest(event);
    if !rules.admit(event) || !known.is_none_or(|known| is_news(event, &digest, known, rules, now)) {
        return None;
    }
    let told_at = rules.earliest(event.severity, now);
    let incident = Incident {
        key: key(channel, event),
        since: known.map_or(event.since, |known| known.since.min(event.since)),
        told_at,
        severity: event.severity.as_str().to_owned(),
        digest,
    };
    Some(Verdict { incident: Some(incident), tell_at: Some(told_at) })
}

/// Whether there is something to say that was not said, or was said long ago.
fn is_news(event: &Event, digest: &str, known: &Incident, rules: &Rules, now: Timestamp) -> bool {
    let is_worse = severity(known).is_none_or(|known| event.severity > known);
    // Of what lasts the facts change all the time; of what does not they are all there is.
    let is_another = !event.kind.lasts() && known.digest != digest;
    let is_old = now.duration_since(known.told_at).unsigned_abs() >= rules.repeat && known.told_at <= now;
    is_worse || is_another || is_old
}

fn ends(known: &Incident, rules: &Rules, now: Timestamp) -> Verdict {
    let was_told = known.told_at <= now;
    // Whoever was woken by the one wants to hear the other at once.
    let severity = severity(known).unwrap_or(Severity::Info);
    Verdict { incident: None, tell_at: was_told.then(|| rules.earliest(severity, now)) }
}

fn severity(known: &Incident) -> Option<Severity> {
    known.severity.parse().ok()
}

/// What a channel knows an event's incident by.
pub fn key(channel: &str, event: &Event) -> IncidentKey {
    IncidentKey { channel: channel.to_owned(), kind: event.kind.as_str().to_owned(), subject: event.subject.clone() }
}

/// Tells facts from others.
fn digest(event: &Event) -> String {
    let facts = serde_json::to_string(&event.facts).unwrap_or_default();
    hex::encode(&Sha256::digest(facts)[..8])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::ToSpan as _;
    use serde_json::json;

    use super::*;
    use crate::Kind;
    use crate::quiet_hours::QuietHours;

    /// Minutes after noon, UTC.
    fn at(minutes: i64) -> Timestamp {
        "2026-11-26T12:00:00Z".parse::<Timestamp>().unwrap() + minutes.minutes()
    }

    fn event(kind: Kind, phase: Phase, severity: Severity, minutes: i64) -> Event {
        let facts = serde_json::Map::new();
        Event { kind, phase, severity, subject: "tokyo-1".into(), facts, since: at(minutes), at: at(minutes) }
    }

    /// Repeats after an hour; quiet from 13:00 to 14:00.
    fn rules() -> Rules {
        let quiet = QuietHours::new("13:00".parse().unwrap(), "14:00".parse().unwrap());
        Rules { repeat: Duration::from_hours(1), quiet, ..Rules::default() }
    }

    /// Plays events, and says of each when it is told: `-` not at all, `x` not,
    /// and what waited is withdrawn.
    fn play(events: &[(i64, Event)]) -> String {
        let mut known = None;
        let mut told = Vec::new();
        for (minutes, event) in events {
            let Some(verdict) = judge("ops", event, known.as_ref(), &rules(), at(*minutes)) else {
                told.push("-".to_owned());
                continue;
            };
            told.push(verdict.tell_at.map_or("x".to_owned(), |told| told.strftime("%H:%M").to_string()));
            known = verdict.incident;
        }
        told.join(" ")
    }

    fn down(minutes: i64, severity: Severity) -> (i64, Event) {
        (minutes, event(Kind::HostDown, Phase::Firing, severity, minutes))
    }

    fn up(minutes: i64) -> (i64, Event) {
        (minutes, event(Kind::HostDown, Phase::Recovered, Severity::Info, minutes))
    }

    use Severity::{Critical, Warning};

    #[test]
    fn an_incident_is_told_once_and_its_end_once() {
        assert_eq!(play(&[down(0, Warning), down(1, Warning), up(2), up(3)]), "12:00 - 12:02 -");
    }

    #[test]
    fn the_end_of_what_nobody_heard_of_is_not_told() {
        assert_eq!(play(&[up(0)]), "-");
    }

    #[test]
    fn what_goes_on_is_told_again_after_the_interval_and_not_sooner() {
        assert_eq!(
            play(&[down(0, Critical), down(59, Critical), down(60, Critical), down(61, Critical)]),
            "12:00 - 13:00 -"
        );
    }

    #[test]
    fn what_becomes_worse_is_told_at_once() {
        assert_eq!(play(&[down(0, Warning), down(1, Critical), down(2, Warning)]), "12:00 12:01 -");
    }

    #[test]
    fn quiet_hours_hold_back_all_but_the_critical() {
        assert_eq!(play(&[down(70, Warning)]), "14:00");
        assert_eq!(play(&[down(70, Critical), up(75)]), "13:10 13:15", "and the end of it, for whoever was woken");
        assert_eq!(play(&[down(70, Warning), down(80, Critical)]), "14:00 13:20");
    }

    #[test]
    fn what_begins_and_ends_in_quiet_hours_is_never_told() {
        assert_eq!(play(&[down(70, Warning), down(75, Warning), up(80), up(81)]), "14:00 - x -");
    }

    #[test]
    fn an_end_in_quiet_hours_is_told_after_them() {
        assert_eq!(play(&[down(50, Warning), up(80)]), "12:50 14:00");
    }

    #[test]
    fn a_second_incident_is_told_however_short_the_pause() {
        assert_eq!(play(&[down(0, Warning), up(1), down(2, Warning)]), "12:00 12:01 12:02");
    }

    #[test]
    fn an_occasion_is_told_again_only_with_other_facts() {
        let price = |minutes, price: &str| {
            let mut event = event(Kind::PriceChanged, Phase::Firing, Warning, minutes);
            event.facts.insert("price".into(), json!(price));
            (minutes, event)
        };
        assert_eq!(play(&[price(0, "0.8"), price(1, "0.8"), price(2, "0.05"), price(3, "0.05")]), "12:00 - 12:02 -");
    }

    #[test]
    fn what_a_channel_did_not_subscribe_to_or_matters_less_is_not_told() {
        let only = |kind, least| Rules { kinds: Some([kind].into()), least, ..Rules::default() };
        let told = |rules: &Rules| judge("ops", &down(0, Warning).1, None, rules, at(0)).is_some();
        assert!(told(&only(Kind::HostDown, Warning)));
        assert!(!told(&only(Kind::HostDown, Critical)));
        assert!(!told(&only(Kind::Drift, Warning)));
    }

    #[test]
    fn a_reminder_keeps_the_beginning() {
        let first = judge("ops", &down(0, Critical).1, None, &rules(), at(0)).unwrap().incident;
        let again = judge("ops", &down(60, Critical).1, first.as_ref(), &rules(), at(60)).unwrap().incident;
        assert_eq!(again.map(|incident| (incident.since, incident.told_at)), Some((at(0), at(60))));
    }
}

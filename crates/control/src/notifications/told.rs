//! Occasions that others have put on record (`relay_store::Event`), told to the channels that
//! subscribe to them. Each is told once: how far the record was read is on record itself.
//!
//! What lasts is not told from here: the record says that something began and never that it is over, so
//! whether it holds is looked up (`standing`).

use relay_notify::{Event, Kind, Phase, Raise as _, Severity};
use relay_store::{EventFilter, StoreError};
use serde_json::{Map, Value};

use crate::Control;

/// The number of the last event that was told, among the settings.
const TOLD: &str = "notifications.events_told";

/// Events read at once; what is left waits for the next round.
const AT_ONCE: u32 = 200;

impl Control {
    /// Tells what has been put on record since the last call; answers how much that was. What was on record
    /// before the first call is not told.
    pub(super) async fn tell_recorded(&self) -> Result<usize, StoreError> {
        let store = &self.parts.store;
        let newest = store.events(&EventFilter::default(), None, AT_ONCE).await?;
        let last = newest.first().map_or(0, |event| event.id);
        let told = store.setting(TOLD).await?.and_then(|text| text.parse::<i64>().ok());
        if told == Some(last) {
            return Ok(0);
        }
        let mut raised = 0;
        if let Some(told) = told {
            let new = newest.iter().rev().filter(|event| event.id > told);
            for event in new.filter_map(of_record) {
                self.notifications.notifier.raise(event).await?;
                raised += 1;
            }
        }
        store.set_setting(TOLD, &last.to_string()).await?;
        Ok(raised)
    }
}

/// A recorded event as it is told; `None` when it is for lists alone, or lasts.
fn of_record(recorded: &relay_store::Event) -> Option<Event> {
    let kind = match recorded.kind.as_str() {
        "price_change" => Kind::PriceChanged,
        "subscription_ends" => Kind::SubscriptionExpiring,
        "key_lost" => Kind::KeyLost,
        "key_to_delete" => Kind::KeyToDelete,
        _ => return None,
    };
    let mut facts = match &recorded.details {
        Value::Object(facts) => facts.clone(),
        _ => Map::new(),
    };
    if kind == Kind::PriceChanged {
        let price = |facts: &mut Map<String, Value>, from: &str, to: &str| {
            facts.shift_remove(from).map(|value| facts.insert(to.to_owned(), value));
        };
        price(&mut facts, "before", "price_before");
        price(&mut facts, "now", "price");
    }
    facts.insert("message".to_owned(), recorded.message.clone().into());
    facts.retain(|_, value| !value.is_null());
    let subject = match &recorded.host {
        Some(host) => format!("{host}, {}", recorded.subject),
        None => recorded.subject.clone(),
    };
    let severity = match recorded.severity {
        relay_store::Severity::Info => Severity::Info,
        relay_store::Severity::Warning => Severity::Warning,
        relay_store::Severity::Critical => Severity::Critical,
    };
    Some(Event { kind, phase: Phase::Firing, severity, subject, facts, since: recorded.at, at: recorded.at })
}

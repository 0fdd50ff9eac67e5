//! How a host's multipliers and balances changed, as charts: each value stands until the next was seen.

use std::collections::BTreeMap;
use std::time::Duration;

use relay_control::Control;
use relay_control::events::{ObservationFilter, ObservationView};
use relay_control::page::PageRequest;
use relay_domain::{HostId, Timestamp};

use crate::chart::{Chart, Ink, Plot, Series, Shape};
use crate::fault::Fault;
use crate::unit::Unit;
use crate::visit::Visit;
use crate::words::words;

words! {
    HistoryWords {
        multiplier => "Declared multiplier" / "声明倍率";
        effective => "Multiplier that is paid" / "实际倍率";
        balance => "Balance (USD)" / "余额（USD）";
    }
}

/// How far back; what was seen before stands at the left edge.
const DAYS: u64 = 30;
const STEP: Duration = Duration::from_hours(12);

/// Changes read of each kind at most.
const CHANGES: usize = 200;

/// Kinds of observations that are numbers.
const KINDS: [&str; 3] = ["multiplier", "effective_multiplier", "balance"];

/// The charts of a host: none where nothing was seen.
///
/// # Errors
/// When the store cannot be read.
pub(super) async fn charts(control: &Control, visit: &Visit, host: &HostId) -> Result<Vec<Chart>, Fault> {
    let newest = PageRequest { limit: CHANGES, cursor: None };
    let mut seen = Vec::new();
    for kind in KINDS {
        let filter = ObservationFilter { host: Some(host.clone()), kind: Some(kind.to_owned()), subject: None };
        seen.extend(control.observations(&filter, &newest).await?.items);
    }
    Ok(drawn(visit, &seen))
}

pub(super) fn drawn(visit: &Visit, seen: &[ObservationView]) -> Vec<Chart> {
    let t = HistoryWords(visit.preferences.language);
    let titles = [t.multiplier(), t.effective(), t.balance()];
    let charts = KINDS.into_iter().zip(titles).map(|(kind, title)| chart(visit, kind, title, seen));
    charts.flatten().collect()
}

fn chart(visit: &Visit, kind: &'static str, title: &'static str, seen: &[ObservationView]) -> Option<Chart> {
    let mut of: BTreeMap<&str, Vec<(Timestamp, f64)>> = BTreeMap::new();
    for seen in seen.iter().filter(|seen| seen.kind == kind) {
        of.entry(&seen.subject).or_default().push((seen.at, seen.value.as_f64()?));
    }
    if of.is_empty() {
        return None;
    }
    let steps = steps(visit.now);
    let series = of.into_iter().zip(Ink::RANKED).map(|((subject, mut changes), ink)| {
        changes.sort_by_key(|(at, _)| *at);
        Series { name: subject.to_owned(), ink, values: steps.iter().map(|at| standing(&changes, *at)).collect() }
    });
    let plot = Plot {
        id: kind,
        title,
        shape: Shape::Lines,
        steps: &steps,
        step: STEP,
        series: series.collect(),
        top: None,
        unit: Unit::Plain,
    };
    Some(plot.draw(visit.format()))
}

fn steps(now: Timestamp) -> Vec<Timestamp> {
    let seconds = i64::try_from(STEP.as_secs()).unwrap_or(i64::MAX);
    let last = now.as_second() - now.as_second().rem_euclid(seconds);
    let count = i64::try_from(DAYS * 86_400 / STEP.as_secs()).unwrap_or(0);
    (0..=count).filter_map(|back| Timestamp::from_second(last - (count - back) * seconds).ok()).collect()
}

/// What was seen last by the end of a step.
fn standing(changes: &[(Timestamp, f64)], at: Timestamp) -> Option<f64> {
    let end = at.saturating_add(STEP).unwrap_or(Timestamp::MAX);
    changes.iter().take_while(|(seen, _)| *seen < end).last().map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stands_until_the_next_and_is_nothing_before_the_first() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let changes = [(at("2026-11-20T06:00:00Z"), 0.8), (at("2026-11-22T06:00:00Z"), 1.2)];
        let standing = |text: &str| standing(&changes, at(text));
        assert_eq!(standing("2026-11-19T00:00:00Z"), None);
        assert_eq!(standing("2026-11-20T00:00:00Z"), Some(0.8));
        assert_eq!(standing("2026-11-21T12:00:00Z"), Some(0.8));
        assert_eq!(standing("2026-11-25T00:00:00Z"), Some(1.2));
        assert_eq!(steps(at("2026-11-26T13:00:00Z")).len(), 61);
    }
}

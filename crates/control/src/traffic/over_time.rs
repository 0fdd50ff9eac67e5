//! Traffic over time by one dimension: what some named ones had in each step, and all the others together.

use std::sync::Arc;
use std::time::Duration;

use relay_domain::Timestamp;
use relay_ledger::{RollupFilter, RollupSums};

use super::stretches::{DAY, Stretch};
use super::{HOUR, MAX_STEPS, floor};
use crate::Control;
use crate::page::QueryError;
use crate::usage::Dimension;

/// Spans up to this many hours are told by the hour, longer ones by the day.
const BY_THE_HOUR: i64 = 72;

/// Which traffic, by what.
#[derive(Clone, Debug)]
pub struct OverTimeQuery {
    /// From this hour.
    pub from: Timestamp,
    /// To before this time.
    pub to: Timestamp,
    /// Which requests count.
    pub filter: RollupFilter,
    /// By what. Of days and hours nothing is named, since time is what is told anyway.
    pub by: Dimension,
    /// What is told by name; a few, since memory is taken for each of their steps.
    pub names: Vec<String>,
}

/// Traffic over time by one dimension.
#[derive(Clone, Debug)]
pub struct OverTime {
    /// When each step begins: hours, days, or as many days as keep a chart readable.
    pub steps: Vec<Timestamp>,
    /// Length of a step.
    pub step: Duration,
    /// For each name that was asked for its sums in each step.
    pub named: Vec<Vec<RollupSums>>,
    /// All others together.
    pub others: Vec<RollupSums>,
}

impl Control {
    /// Traffic over time by a dimension, what has just ended included; `None` when that takes longer than `patience`.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn traffic_over_time(
        &self,
        query: OverTimeQuery,
        patience: Duration,
    ) -> Result<Option<OverTime>, QueryError> {
        let (remembered, filed) = (Arc::clone(&self.remembered_traffic), self.filed_until());
        let from = floor(query.from, HOUR);
        let mut told = OverTime::empty(&query);
        let longest = told.seconds().min(DAY);
        let missing = remembered.missing(((from, query.to), longest), &query.filter, filed);
        self.look(patience, missing.is_empty(), move |log| {
            // Routes first: what ends meanwhile is then one of the others.
            let routes = if query.by == Dimension::Route && query.filter.is_all() {
                log.marginals(from, query.to, relay_ledger::Dimension::Route, Some(&query.names))?
            } else {
                Vec::new()
            };
            let read = |from, to| Stretch::read(log, from, to, &query.filter);
            let add = |at: i64, stretch: &Stretch| told.add(at, stretch, &query);
            remembered.each(((from, query.to), longest), &query.filter, filed, read, add)?;
            for one in routes {
                told.tell_apart(one.hour.as_second(), &one.value, &one.sums, &query);
            }
            Ok(told)
        })
        .await
    }
}

impl OverTime {
    /// The steps, without traffic.
    pub fn empty(query: &OverTimeQuery) -> Self {
        let from = floor(query.from, HOUR);
        let seconds = step_seconds(from, query.to);
        let first = floor(from, seconds).as_second();
        let starts = (0..2 * MAX_STEPS).map(|step| first + step * seconds);
        let starts = starts.take_while(|start| *start < query.to.as_second());
        let steps: Vec<Timestamp> = starts.filter_map(|start| Timestamp::from_second(start).ok()).collect();
        let nothing = vec![RollupSums::default(); steps.len()];
        Self {
            steps,
            step: Duration::from_secs(seconds.unsigned_abs()),
            named: vec![nothing.clone(); query.names.len()],
            others: nothing,
        }
    }

    fn seconds(&self) -> i64 {
        i64::try_from(self.step.as_secs()).unwrap_or(DAY)
    }

    fn step_of(&self, at: i64) -> Option<usize> {
        usize::try_from((at - self.steps.first()?.as_second()).div_euclid(self.seconds())).ok()
    }

    /// Tells by name what was counted among the others.
    fn tell_apart(&mut self, at: i64, name: &str, sums: &RollupSums, query: &OverTimeQuery) {
        let Some(step) = self.step_of(at) else { return };
        let Some(place) = query.names.iter().position(|named| named == name) else { return };
        if let (Some(own), Some(others)) = (self.named[place].get_mut(step), self.others.get_mut(step)) {
            own.add(sums);
            *others = others.without(sums);
        }
    }

    fn add(&mut self, at: i64, stretch: &Stretch, query: &OverTimeQuery) {
        let Some(step) = self.step_of(at) else { return };
        let mut add = |name: Option<&str>, sums: &RollupSums| {
            let place = name.and_then(|name| query.names.iter().position(|named| named == name));
            let steps = place.map_or(&mut self.others, |place| &mut self.named[place]);
            if let Some(own) = steps.get_mut(step) {
                own.add(sums);
            }
        };
        let has_routes = query.by != Dimension::Route || !query.filter.is_all();
        if let Some(shares) = stretch.of_dimension(query.by).filter(|_| has_routes) {
            for (name, sums) in shares {
                add(Some(name), sums);
            }
        } else {
            for sums in stretch.hours.values() {
                add(None, sums);
            }
        }
    }
}

/// Whether a span is told by the hour.
pub(super) fn is_by_the_hour(from: Timestamp, to: Timestamp) -> bool {
    to.as_second() - from.as_second() <= BY_THE_HOUR * HOUR
}

fn step_seconds(from: Timestamp, to: Timestamp) -> i64 {
    if is_by_the_hour(from, to) {
        return HOUR;
    }
    let seconds = to.as_second() - from.as_second();
    let days = (seconds + DAY - 1) / DAY;
    DAY * ((days + MAX_STEPS - 1) / MAX_STEPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_told_by_name_and_the_others_together() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let query = OverTimeQuery {
            from: at("2026-11-20T00:00:00Z"),
            to: at("2026-11-26T12:00:00Z"),
            filter: RollupFilter::default(),
            by: Dimension::Consumer,
            names: vec!["a".to_owned(), "absent".to_owned()],
        };
        let mut told = OverTime::empty(&query);
        for (day, name, requests) in [(0, "a", 1), (0, "b", 9), (6, "a", 2), (6, "c", 50)] {
            let mut stretch = Stretch::default();
            stretch.by[3].insert(name.to_owned(), RollupSums { requests, ..RollupSums::default() });
            told.add(query.from.as_second() + day * DAY + 3 * HOUR, &stretch, &query);
        }
        assert_eq!((told.steps.len(), told.step), (7, Duration::from_hours(24)));
        let requests = |steps: &[RollupSums]| steps.iter().map(|sums| sums.requests).collect::<Vec<_>>();
        assert_eq!(requests(&told.named[0]), [1, 0, 0, 0, 0, 0, 2]);
        assert_eq!(requests(&told.others), [9, 0, 0, 0, 0, 0, 50]);
        assert!(requests(&told.named[1]).iter().all(|requests| *requests == 0));
    }

    #[test]
    fn three_days_are_told_by_the_hour_and_years_stay_readable() {
        let from: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let hours = |span: i64| step_seconds(from, from + jiff::SignedDuration::from_hours(span)) / HOUR;
        assert_eq!([1, 72, 73, 24 * 120, 24 * 121, 24 * 366].map(hours), [1, 1, 24, 24, 48, 96]);
    }
}

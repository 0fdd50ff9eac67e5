//! Which stretches of a segment a filter has to be looked for in.
//!
//! The sums of an hour say who was in it. A host that has been idle since
//! morning is found by passing over the hours that know nothing of it, instead
//! of over their millions of rows.

use std::ops::{Range, RangeInclusive};

use rusqlite::OptionalExtension as _;

use crate::filter::{Drive, Filter};
use crate::reader::{DISORDER, Opened, ReadError};
use crate::rollup::{Dimension, HOUR};

/// The stretches of a segment that may hold what a filter asks for, newest first: found one by one, since a page is
/// mostly full, or its time up, before the last.
pub(crate) struct Stretches<'s> {
    segment: &'s Opened,
    values: Vec<(Dimension, [&'s str; 2])>,
    /// What has not been given or passed over yet.
    rest: Range<u64>,
    /// The hours, by their beginnings, to be asked for next and last; `None` while all that is left may hold it.
    hours: Option<RangeInclusive<i64>>,
    /// Below it everything is in the sums.
    summed: u64,
}

impl<'s> Stretches<'s> {
    /// Those within `all`. It is one stretch when the filter names nothing that is added up, or its own index leads to
    /// the rows.
    pub(crate) fn of(segment: &'s Opened, filter: &'s Filter, all: Range<u64>) -> Result<Self, ReadError> {
        let values = values(filter);
        // Times that are the wrong way round leave nothing.
        let all = all.start..all.end.max(all.start);
        let is_one = all.is_empty() || filter.drive() == Drive::Verdict || values.is_empty();
        let hours = if is_one { None } else { hours_of(segment, &all)? };
        let summed = segment.meta.rolled.seq.clamp(all.start, all.end);
        Ok(Self { segment, values, rest: all, hours, summed })
    }

    /// The next one; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Range<u64>>, ReadError> {
        if let Some(hours) = &self.hours {
            // What is not in the sums yet has to be looked at.
            if self.summed < self.rest.end {
                return Ok(self.down_to(self.summed));
            }
            let (first, mut hour) = (*hours.start(), *hours.end());
            let mut may_hold = self.may_hold(hour)?;
            while hour >= first {
                // Rows are in the order of their plans: a request whose body was long on its way is found in the next hour.
                let before = self.may_hold(hour - HOUR)?;
                self.hours = Some(first..=hour - HOUR);
                if may_hold || before {
                    let end = self.segment.hour_edge(hour + HOUR + DISORDER)?;
                    self.rest.end = self.rest.end.min(end).max(self.rest.start);
                    let start = self.segment.hour_edge(hour - DISORDER)?;
                    if let Some(stretch) = self.down_to(start) {
                        return Ok(Some(stretch));
                    }
                }
                (hour, may_hold) = (hour - HOUR, before);
            }
            return Ok(None);
        }
        Ok(self.down_to(0))
    }

    /// What is left from `start` on.
    fn down_to(&mut self, start: u64) -> Option<Range<u64>> {
        let stretch = start.clamp(self.rest.start, self.rest.end)..self.rest.end;
        self.rest.end = stretch.start;
        (!stretch.is_empty()).then_some(stretch)
    }

    /// Whether an hour's sums leave it possible; an hour without any says nothing.
    fn may_hold(&self, hour: i64) -> Result<bool, ReadError> {
        let mut statement = self.segment.connection.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM marginals WHERE dimension = ?1 AND hour = ?2 AND value IN (?3, ?4)) \
             OR NOT EXISTS (SELECT 1 FROM marginals WHERE dimension = ?1 AND hour = ?2)",
        )?;
        for (dimension, [value, or]) in &self.values {
            if !statement.query_row((*dimension as i64, hour, value, or), |row| row.get(0))? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// What the filter names that sums are kept by. A request that no host served is found under the host that was
/// chosen for it, and is added up under none.
fn values(filter: &Filter) -> Vec<(Dimension, [&str; 2])> {
    let named = [
        (Dimension::Consumer, &filter.consumer),
        (Dimension::Group, &filter.logical_group_id),
        (Dimension::Model, &filter.public_model),
        (Dimension::Route, &filter.route_id),
        (Dimension::Host, &filter.host_id),
    ];
    let named = named.into_iter().filter_map(|(dimension, value)| Some((dimension, value.as_deref()?)));
    named
        .map(|(dimension, value)| (dimension, [value, if dimension == Dimension::Host { "" } else { value }]))
        .collect()
}

/// The hours, by their beginnings, of the first and the last request in `all`; `None` when there is none, or no sums.
fn hours_of(segment: &Opened, all: &Range<u64>) -> Result<Option<RangeInclusive<i64>>, ReadError> {
    let connection = &segment.connection;
    let mut table = connection.prepare_cached("SELECT 1 FROM sqlite_master WHERE name = 'marginals'")?;
    if !table.exists([])? {
        return Ok(None);
    }
    let at = |sql: &str, seq: u64| -> Result<Option<i64>, ReadError> {
        Ok(connection.prepare_cached(sql)?.query_row([seq as i64], |row| row.get(0)).optional()?)
    };
    let first = at("SELECT at FROM intents WHERE seq >= ? ORDER BY seq LIMIT 1", all.start)?;
    let last = at("SELECT at FROM intents WHERE seq < ? ORDER BY seq DESC LIMIT 1", all.end)?;
    let hour = |at: i64| at - at.rem_euclid(HOUR);
    let hours = first.zip(last).map(|(first, last)| hour(first - DISORDER)..=hour(last + DISORDER));
    Ok(hours.filter(|hours| !hours.is_empty()))
}

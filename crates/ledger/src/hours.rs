//! Which stretches of a segment a filter has to be looked for in.
//!
//! The sums of an hour say who was in it. A host that has been idle since
//! morning is found by passing over the hours that know nothing of it, instead
//! of over their millions of rows.

use std::ops::Range;

use rusqlite::OptionalExtension as _;

use crate::filter::{Drive, Filter};
use crate::reader::{DISORDER, Opened, ReadError};
use crate::rollup::{Dimension, HOUR};

/// The stretches of sequence numbers within `all` that may hold what the filter asks for, newest first. All of it, when
/// an index leads to the rows anyway or the filter names nothing that is added up.
pub(crate) fn stretches(segment: &Opened, filter: &Filter, all: Range<u64>) -> Result<Vec<Range<u64>>, ReadError> {
    let values = values(filter);
    if all.is_empty() || filter.drive() != Drive::Rows || values.is_empty() {
        return Ok(vec![all]);
    }
    let Some(hours) = hours_of(segment, &all)? else { return Ok(vec![all]) };
    // What is not in the sums yet has to be looked at.
    let summed = segment.meta.rolled.seq.clamp(all.start, all.end);
    let mut found: Vec<_> = std::iter::once(summed..all.end).collect();
    let mut end = None;
    let mut hour = hours.end;
    while hour >= hours.start {
        // Rows are in the order of their plans: a request whose body was long on its way is found in the next hour.
        let may_hold = may_hold(segment, &values, hour)? || may_hold(segment, &values, hour - HOUR)?;
        match (may_hold, end) {
            (true, None) if hour == hours.end => end = Some(summed),
            (true, None) => end = Some(segment.first_after(hour + HOUR + DISORDER)?.min(summed)),
            (false, Some(end_of_stretch)) => {
                found.push(segment.first_after(hour + HOUR - DISORDER)?.max(all.start)..end_of_stretch);
                end = None;
            }
            _ => {}
        }
        hour -= HOUR;
    }
    found.extend(end.map(|end| all.start..end));
    Ok(apart(found))
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

/// Whether an hour's sums leave it possible; an hour without any says nothing.
fn may_hold(segment: &Opened, values: &[(Dimension, [&str; 2])], hour: i64) -> Result<bool, ReadError> {
    let mut statement = segment.connection.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM marginals WHERE dimension = ?1 AND hour = ?2 AND value IN (?3, ?4)) \
         OR NOT EXISTS (SELECT 1 FROM marginals WHERE dimension = ?1 AND hour = ?2)",
    )?;
    for (dimension, [value, or]) in values {
        if !statement.query_row((*dimension as i64, hour, value, or), |row| row.get(0))? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The hours, by their beginnings, of the first and the last request in `all`; `None` when there is none, or no sums.
fn hours_of(segment: &Opened, all: &Range<u64>) -> Result<Option<Range<i64>>, ReadError> {
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
    let hours = first.zip(last).map(|(first, last)| hour(first - DISORDER)..hour(last + DISORDER));
    Ok(hours.filter(|hours| hours.start <= hours.end))
}

/// Of stretches in falling order, what each has beyond those before it.
fn apart(stretches: Vec<Range<u64>>) -> Vec<Range<u64>> {
    let mut lowest = u64::MAX;
    let mut apart = Vec::with_capacity(stretches.len());
    for Range { start, end } in stretches {
        let rest = start..end.min(lowest);
        if !rest.is_empty() {
            lowest = start;
            apart.push(rest);
        }
    }
    apart
}

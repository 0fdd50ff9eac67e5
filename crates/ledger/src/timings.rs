//! How long requests took: bounded samples of stretches of time, for percentiles, which no sum can give.
//!
//! Of a stretch with more requests than are looked at, some runs of neighbors are read, evenly spread over
//! it: as many pages of the file as runs, however long the stretch is.

use jiff::Timestamp;
use rusqlite::types::Value as SqlValue;

use crate::day::Day;
use crate::reader::{DISORDER, LedgerReader, Opened, ReadError};
use crate::sums::RollupFilter;

/// Runs of neighbors of which a sample is made.
const RUNS: u64 = 4;

/// How long some requests of a stretch took, in microseconds; those that did not get so far are in neither.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// Our own part of the time.
    pub overhead_us: Vec<u64>,
    /// Arrival to first output.
    pub first_output_us: Vec<u64>,
}

impl LedgerReader {
    /// How long requests took that arrived from `from` on and before `to`: at most `most` of them are looked at,
    /// those that `filter` leaves out included. Blocks.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn timings(
        &self,
        from: Timestamp,
        to: Timestamp,
        filter: &RollupFilter,
        most: u64,
    ) -> Result<Timings, ReadError> {
        let days = (Day::of(from), Day::of(to));
        let (from, to) = (from.as_microsecond(), to.as_microsecond());
        let mut stretches = Vec::new();
        for day in self.days()?.into_iter().filter(|day| days.0 <= *day && *day <= days.1) {
            let Some(segment) = self.segment(day)? else { continue };
            let first = segment.first_after(from.saturating_sub(DISORDER))?.max(segment.meta.first_seq);
            let last = segment.first_after(to.saturating_add(DISORDER))?.min(segment.meta.last_seq + 1);
            if first < last {
                stretches.push((segment, first, last));
            } else {
                self.put_back(segment);
            }
        }
        let all: u64 = stretches.iter().map(|(_, first, last)| last - first).sum();
        let mut timings = Timings::default();
        for (segment, first, last) in stretches {
            for (first, last) in runs(first, last, (last - first) * most / all.max(most).max(1)) {
                read(&segment, (first, last), (from, to), filter, &mut timings)?;
            }
            self.put_back(segment);
        }
        Ok(timings)
    }
}

/// Runs of sequence numbers, `share` of them together, evenly spread from `first` to before `last`.
fn runs(first: u64, last: u64, share: u64) -> Vec<(u64, u64)> {
    let all = last - first;
    if share >= all {
        return vec![(first, last)];
    }
    let count = RUNS.min(share);
    let run = |number: u64| first + number * all / count;
    (0..count).map(run).map(|start| (start, (start + share / count).min(last))).collect()
}

fn read(
    segment: &Opened,
    (first, last): (u64, u64),
    (from, to): (i64, i64),
    filter: &RollupFilter,
    timings: &mut Timings,
) -> Result<(), ReadError> {
    let mut sql = "SELECT o.overhead_us, o.first_output_us FROM outcomes o JOIN intents i ON i.seq = o.seq \
                   WHERE o.seq >= ? AND o.seq < ? AND i.at >= ? AND i.at < ?"
        .to_owned();
    let mut values: Vec<SqlValue> = [first as i64, last as i64, from, to].into_iter().map(SqlValue::Integer).collect();
    let filters = [
        ("i.consumer", &filter.consumer),
        ("i.logical_group_id", &filter.logical_group_id),
        ("i.public_model", &filter.public_model),
        ("o.route_id", &filter.route_id),
        ("o.host_id", &filter.host_id),
    ];
    for (column, wanted) in filters {
        if let Some(wanted) = wanted {
            sql = format!("{sql} AND {column} = ?");
            values.push(SqlValue::Text(wanted.clone()));
        }
    }
    let mut statement = segment.connection.prepare_cached(&sql)?;
    let mut rows = statement.query(rusqlite::params_from_iter(values))?;
    while let Some(row) = rows.next()? {
        let number = |at: usize| row.get::<_, Option<i64>>(at).map(|us| us.and_then(|us| u64::try_from(us).ok()));
        timings.overhead_us.extend(number(0)?);
        timings.first_output_us.extend(number(1)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_spread_over_its_stretch_and_never_larger() {
        assert_eq!(runs(10, 20, 10), [(10, 20)]);
        assert_eq!(runs(0, 1_000, 100), [(0, 25), (250, 275), (500, 525), (750, 775)]);
        for (first, last, share) in [(5, 6, 0), (5, 7, 1), (0, 1_000_000, 3)] {
            let runs = runs(first, last, share);
            assert!(runs.iter().all(|(from, to)| first <= *from && from < to && *to <= last), "{runs:?}");
            assert!(runs.iter().map(|(from, to)| to - from).sum::<u64>() <= share);
        }
    }
}

//! Reading what was added up: roll-ups, and the same sums by one dimension.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{Connection, Row};
use serde::Serialize;

use crate::day::Day;
use crate::decision::timestamp;
use crate::reader::{LedgerReader, ReadError};
use crate::retention::ARCHIVE;
use crate::rollup::{Dimension, FIRST_TOLD, LATENCY_MAX, RollupSums, SUMS};
use crate::schema;

/// The requests of one hour, consumer, group, model and route.
#[derive(Clone, Debug, Serialize)]
pub struct Rollup {
    /// When the hour began.
    pub hour: Timestamp,
    /// The consumer; empty for operators' actions.
    pub consumer: String,
    /// The logical group.
    pub logical_group_id: String,
    /// The model as asked for.
    pub public_model: String,
    /// The route finally used; empty when there was none.
    pub route_id: String,
    /// Its host at that time; empty when there was none.
    pub host_id: String,
    /// The counts and sums.
    #[serde(flatten)]
    pub sums: RollupSums,
}

/// The hours that have sums by dimension `?1`, from `?2` to before `?3`, one seek each.
const HOURS: &str = "WITH RECURSIVE hours (at) AS (SELECT min(hour) FROM marginals WHERE dimension = ?1 AND hour >= ?2 \
     UNION ALL SELECT (SELECT min(hour) FROM marginals WHERE dimension = ?1 AND hour > at) FROM hours WHERE at < ?3)";

/// The sums of each of those hours of the values in `?4`.
const PICKED: &str = "FROM hours CROSS JOIN json_each(?4) picked CROSS JOIN marginals m \
     WHERE m.hour = hours.at AND m.value = picked.value";

/// Which roll-ups to read; an absent part takes all.
#[derive(Clone, Debug, Default)]
pub struct RollupFilter {
    /// One consumer.
    pub consumer: Option<String>,
    /// One logical group.
    pub logical_group_id: Option<String>,
    /// One model.
    pub public_model: Option<String>,
    /// One route.
    pub route_id: Option<String>,
    /// One host.
    pub host_id: Option<String>,
}

impl RollupFilter {
    /// Whether it admits everything.
    pub fn is_all(&self) -> bool {
        let Self { consumer, logical_group_id, public_model, route_id, host_id } = self;
        [consumer, logical_group_id, public_model, route_id, host_id].into_iter().all(Option::is_none)
    }
}

/// The requests of one hour that had one value of a dimension.
#[derive(Clone, Debug)]
pub struct Marginal {
    /// When the hour began.
    pub hour: Timestamp,
    /// The value; empty where there was none, as for requests that no route served.
    pub value: String,
    /// The counts and sums.
    pub sums: RollupSums,
}

/// The requests of one hour that asked one group for one model.
#[derive(Clone, Debug)]
pub struct ModelSums {
    /// When the hour began.
    pub hour: Timestamp,
    /// The logical group.
    pub logical_group_id: String,
    /// The model as asked for.
    pub public_model: String,
    /// The counts and sums.
    pub sums: RollupSums,
}

impl LedgerReader {
    /// Roll-ups of the hours from `from` to before `to`, oldest first, deleted segments' included.
    pub fn rollups(&self, from: Timestamp, to: Timestamp, filter: &RollupFilter) -> Result<Vec<Rollup>, ReadError> {
        let mut found = Vec::new();
        self.each_rollup(from, to, filter, |rollup| found.push(rollup))?;
        Ok(found)
    }

    /// The same one after the other, for who adds them up: a month of many consumers and routes is millions.
    pub fn each_rollup(
        &self,
        from: Timestamp,
        to: Timestamp,
        filter: &RollupFilter,
        mut see: impl FnMut(Rollup),
    ) -> Result<(), ReadError> {
        self.each_file(from, to, |connection, not_twice| {
            let sql = format!(
                "SELECT hour, consumer, logical_group_id, public_model, route_id, host_id, {} FROM rollups \
                 WHERE hour >= ?1 AND hour < ?2 AND (?3 IS NULL OR consumer = ?3) \
                 AND (?4 IS NULL OR logical_group_id = ?4) AND (?5 IS NULL OR public_model = ?5) \
                 AND (?6 IS NULL OR route_id = ?6) AND (?7 IS NULL OR host_id = ?7) {not_twice} \
                 ORDER BY 1, 2, 3, 4, 5, 6",
                SUMS.join(", ")
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query((
                from.as_microsecond(),
                to.as_microsecond(),
                &filter.consumer,
                &filter.logical_group_id,
                &filter.public_model,
                &filter.route_id,
                &filter.host_id,
            ))?;
            while let Some(row) = rows.next()? {
                see(Rollup {
                    hour: timestamp(row.get(0)?),
                    consumer: row.get(1)?,
                    logical_group_id: row.get(2)?,
                    public_model: row.get(3)?,
                    route_id: row.get(4)?,
                    host_id: row.get(5)?,
                    sums: sums_from(row, 6)?,
                });
            }
            Ok(())
        })
    }

    /// The sums of each hour from `from` to before `to` by one dimension; with `values` of those alone, which are looked
    /// up one by one: a few of ten thousand take no longer than a few of ten.
    pub fn marginals(
        &self,
        from: Timestamp,
        to: Timestamp,
        by: Dimension,
        values: Option<&[String]>,
    ) -> Result<Vec<Marginal>, ReadError> {
        let mut found = Vec::new();
        let values = values.map(|values| serde_json::to_string(values).unwrap_or_default());
        let source = if values.is_some() { PICKED } else { "FROM marginals m WHERE ?4 IS NULL" };
        self.each_file(from, to, |connection, not_twice| {
            let sql = format!(
                "{HOURS} SELECT m.hour, m.value, {} {source} AND m.dimension = ?1 AND m.hour >= ?2 AND m.hour < ?3 {not_twice} \
                 ORDER BY m.hour, m.value",
                SUMS.join(", ")
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query((by as i64, from.as_microsecond(), to.as_microsecond(), &values))?;
            while let Some(row) = rows.next()? {
                found.push(Marginal { hour: timestamp(row.get(0)?), value: row.get(1)?, sums: sums_from(row, 2)? });
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// The sums of the hours from `from` to before `to` by one dimension, all hours together.
    ///
    /// They are added up here: SQLite would sort hundreds of thousands of rows first, which takes three times as long.
    pub fn totals(
        &self,
        from: Timestamp,
        to: Timestamp,
        by: Dimension,
    ) -> Result<HashMap<String, RollupSums>, ReadError> {
        let mut found: HashMap<String, RollupSums> = HashMap::new();
        self.each_file(from, to, |connection, not_twice| {
            let sql = format!(
                "SELECT value, {} FROM marginals WHERE dimension = ?1 AND hour >= ?2 AND hour < ?3 {not_twice}",
                SUMS.join(", ")
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query((by as i64, from.as_microsecond(), to.as_microsecond()))?;
            while let Some(row) = rows.next()? {
                let (value, sums) = (row.get_ref(0)?.as_str()?, sums_from(row, 1)?);
                match found.get_mut(value) {
                    Some(own) => own.add(&sums),
                    None => drop(found.insert(value.to_owned(), sums)),
                }
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// The sums of each hour from `from` to before `to` by logical group and model, oldest first; requests that
    /// were of no group are left out.
    pub fn by_group_and_model(&self, from: Timestamp, to: Timestamp) -> Result<Vec<ModelSums>, ReadError> {
        let mut found = Vec::new();
        self.each_file(from, to, |connection, not_twice| {
            let sql = format!(
                "SELECT hour, logical_group_id, public_model, {} FROM rollups \
                 WHERE hour >= ?1 AND hour < ?2 AND logical_group_id <> '' {not_twice} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
                added_up()
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query((from.as_microsecond(), to.as_microsecond()))?;
            while let Some(row) = rows.next()? {
                found.push(ModelSums {
                    hour: timestamp(row.get(0)?),
                    logical_group_id: row.get(1)?,
                    public_model: row.get(2)?,
                    sums: sums_from(row, 3)?,
                });
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Shows every file that may have hours from `from` to before `to`, oldest first, with a condition on them: what was
    /// copied of a segment that could not be deleted yet counts once, as the segment has it.
    fn each_file(
        &self,
        from: Timestamp,
        to: Timestamp,
        mut show: impl FnMut(&Connection, &str) -> rusqlite::Result<()>,
    ) -> Result<(), ReadError> {
        let days = self.days()?;
        let archive = self.dir().join(ARCHIVE);
        let has_all = (Day::of(from).0..=Day::of(to).0).all(|day| days.contains(&Day(day)));
        if !has_all && archive.exists() {
            let present: Vec<String> = days.iter().map(|day| day.0.to_string()).collect();
            let not_twice = format!("AND hour / {} NOT IN ({})", Day::MICROSECONDS, present.join(", "));
            show(&schema::open_readable(&archive)?, &not_twice)?;
        }
        for day in days.into_iter().filter(|day| *day >= Day::of(from) && *day <= Day::of(to)) {
            if let Some(segment) = self.segment(day)? {
                show(&segment.connection, "")?;
                self.put_back(segment);
            }
        }
        Ok(())
    }
}

/// The sums of several rows in the order of [`SUMS`], in SQL.
///
/// SQLite's `sum` fails beyond what an integer holds. So what hosts tell is added up in halves of 32 bits, whose sums
/// stay below that, and a whole that does not is cast to the largest integer.
pub(crate) fn added_up() -> String {
    let added = |(at, sum): (usize, &&str)| match at {
        LATENCY_MAX => format!("max({sum})"),
        FIRST_TOLD.. => format!(
            "CAST((sum({sum} >> 32) + (sum({sum} & 4294967295) >> 32)) * 4294967296 \
             + (sum({sum} & 4294967295) & 4294967295) AS INTEGER)"
        ),
        _ => format!("sum({sum})"),
    };
    let added: Vec<String> = SUMS.iter().enumerate().map(added).collect();
    added.join(", ")
}

/// The sums that stand in a row from a column on.
fn sums_from(row: &Row<'_>, first: usize) -> rusqlite::Result<RollupSums> {
    let mut values = [0; SUMS.len()];
    for (at, value) in values.iter_mut().enumerate() {
        *value = row.get(first + at)?;
    }
    Ok(RollupSums::from_values(&values))
}

//! Brings files of an earlier schema to this one, at start-up and before anything
//! else reads or writes them. Rows keep their bytes and hashes: columns are only
//! added, and what was not written then is absent.

use std::path::Path;

use rusqlite::Connection;

use crate::day::{self, Day};
use crate::retention::ARCHIVE;
use crate::rollup::{Dimension, SUMS};
use crate::schema::{self, INDEXES, OUTCOME_ADDED, VERSION};
use crate::sums::added_up;

const DAY: i64 = Day::MICROSECONDS;

/// Every segment, and the archive of roll-ups.
///
/// # Errors
/// The file's name, and why.
pub(crate) fn upgrade_all(dir: &Path) -> Result<(), (String, rusqlite::Error)> {
    let archive = dir.join(ARCHIVE);
    let days = day::databases(dir).map_err(|error| {
        let error = rusqlite::Error::ToSqlConversionFailure(Box::new(error));
        (dir.display().to_string(), error)
    })?;
    let segments = days.into_iter().map(|day| (day.segment(), day.database(dir)));
    for (name, path) in segments.chain(archive.exists().then(|| ("rollups".to_owned(), archive))) {
        schema::open_writable(&path).and_then(|connection| upgrade(&connection)).map_err(|error| (name, error))?;
    }
    Ok(())
}

/// One file; does nothing to one of this version.
pub(crate) fn upgrade(connection: &Connection) -> rusqlite::Result<()> {
    let columns = |table: &str| -> rusqlite::Result<Vec<String>> {
        let mut names = connection.prepare(&format!("SELECT name FROM pragma_table_info('{table}')"))?;
        names.query_map([], |row| row.get(0))?.collect()
    };
    let has = |columns: &[String], name: &str| columns.iter().any(|column| column == name);
    let (outcomes, rollups, segment) = (columns("outcomes")?, columns("rollups")?, columns("segment")?);
    let mut steps = Vec::new();
    if !outcomes.is_empty() && !has(&outcomes, OUTCOME_ADDED[0]) {
        steps.extend(OUTCOME_ADDED.iter().map(|column| format!("ALTER TABLE outcomes ADD COLUMN {column} INTEGER;")));
    }
    if !segment.is_empty() && !has(&segment, "rolled_entries") {
        steps.push(ROLLED_UP.to_owned());
        steps.push(format!("{OLD_INDEXES} {INDEXES}"));
    }
    if !rollups.is_empty() && !has(&rollups, "host_id") {
        steps.push("ALTER TABLE rollups RENAME TO rollups_before;".to_owned());
        steps.push(schema::rollups());
        steps.push(ROLLUPS_FROM_BEFORE.to_owned());
        steps.push("DROP TABLE rollups_before;".to_owned());
    } else if !rollups.is_empty() && !has(&rollups, "refused") {
        steps.push("ALTER TABLE rollups ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;".to_owned());
    }
    let marginals = columns("marginals")?;
    if !rollups.is_empty() && SUMS.iter().any(|sum| !has(&marginals, sum)) {
        // What is there is made again from the roll-ups.
        steps.push("DROP TABLE IF EXISTS marginals;".to_owned());
        steps.push(schema::rollups());
    }
    if !steps.is_empty() && !segment.is_empty() {
        steps.push(format!("UPDATE segment SET schema = {VERSION};"));
    }
    if !steps.is_empty() {
        connection.execute_batch(&format!("BEGIN IMMEDIATE; {} COMMIT;", steps.concat()))?;
    }
    if rollups.is_empty() { Ok(()) } else { add_up_days(connection) }
}

/// Adds the roll-ups up by each dimension, of days of which that is not done: day by day, each in a transaction, since an
/// archive of months may have millions of rows and whoever waits for it may give up and come again.
fn add_up_days(connection: &Connection) -> rusqlite::Result<()> {
    let days: Vec<i64> = connection
        .prepare(&format!(
            "WITH RECURSIVE days(day) AS (
                 SELECT min(hour) / {DAY} FROM rollups
                 UNION ALL
                 SELECT (SELECT min(hour) / {DAY} FROM rollups WHERE hour >= (day + 1) * {DAY}) FROM days WHERE day IS NOT NULL
             )
             SELECT day FROM days WHERE day IS NOT NULL AND NOT EXISTS (
                 SELECT 1 FROM marginals WHERE dimension = {} AND hour >= day * {DAY} AND hour < (day + 1) * {DAY})",
            Dimension::Model as i64
        ))?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for day in days {
        let sums = Dimension::ALL.map(|dimension| marginals_of(dimension, day)).concat();
        connection.execute_batch(&format!("BEGIN IMMEDIATE; {sums} COMMIT;"))?;
    }
    Ok(())
}

/// Two of them went over all rows, not block by block.
const OLD_INDEXES: &str = "
    DROP INDEX IF EXISTS intents_by_request;
    DROP INDEX IF EXISTS intents_by_consumer;
    DROP INDEX IF EXISTS outcomes_by_route;
    DROP INDEX IF EXISTS outcomes_by_verdict;";

/// Roll-ups were complete with every transaction then.
const ROLLED_UP: &str = "
    ALTER TABLE segment ADD COLUMN rolled_entries INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE segment ADD COLUMN rolled_seq INTEGER NOT NULL DEFAULT 0;
    UPDATE segment SET rolled_entries = entries, rolled_seq = settled_seq;";

/// Roll-ups had no host and no money then; whether a usage was told is not known of each.
const ROLLUPS_FROM_BEFORE: &str = "
    INSERT INTO rollups
    SELECT hour, consumer, logical_group_id, public_model, route_id, '', requests, complete, resolved, failed, cut,
           client_gone, interrupted, latency_us_sum, latency_us_max, first_output_us_sum, first_output_count,
           request_bytes, response_bytes, input_tokens, cached_input_tokens, cache_write_tokens, output_tokens,
           reasoning_tokens, 0, 0, 0, 0, 0, 0
    FROM rollups_before;";

fn marginals_of(dimension: Dimension, day: i64) -> String {
    let column = dimension.column();
    format!(
        "INSERT INTO marginals SELECT {}, hour, {column}, {} FROM rollups \
         WHERE hour >= {day} * {DAY} AND hour < ({day} + 1) * {DAY} GROUP BY hour, {column};",
        dimension as i64,
        added_up()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_first_schema_is_brought_to_this_one_once() {
        let connection = Connection::open_in_memory().expect("opens");
        let before = "CREATE TABLE segment (schema INTEGER, entries INTEGER, settled_seq INTEGER) STRICT;
            INSERT INTO segment VALUES (1, 2, 1);
            CREATE TABLE intents (seq INTEGER PRIMARY KEY, request_key INTEGER, consumer TEXT) STRICT;
            CREATE INDEX intents_by_consumer ON intents (consumer, seq) WHERE consumer IS NOT NULL;
            CREATE TABLE outcomes (seq INTEGER PRIMARY KEY, hash BLOB, route_id TEXT, verdict TEXT) STRICT;
            INSERT INTO outcomes VALUES (1, x'00', 'r', 'complete');
            CREATE TABLE rollups (hour INTEGER, consumer TEXT, logical_group_id TEXT, public_model TEXT, route_id TEXT,
                requests INTEGER, complete INTEGER, resolved INTEGER, failed INTEGER, cut INTEGER, client_gone INTEGER,
                interrupted INTEGER, latency_us_sum INTEGER, latency_us_max INTEGER, first_output_us_sum INTEGER,
                first_output_count INTEGER, request_bytes INTEGER, response_bytes INTEGER, input_tokens INTEGER,
                cached_input_tokens INTEGER, cache_write_tokens INTEGER, output_tokens INTEGER,
                reasoning_tokens INTEGER, cost_micros INTEGER) STRICT;
            INSERT INTO rollups VALUES (3600000000, 'k', 'g', 'm', 'r', 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
                15, 16, 17, 18, 0);";
        connection.execute_batch(before).expect("makes an old file");
        for _ in 0..2 {
            upgrade(&connection).expect("upgrades");
        }
        let row =
            connection.query_row("SELECT host_id, requests, reasoning_tokens, price_nanos FROM rollups", [], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?, row.get::<_, i64>(3)?))
            });
        assert_eq!(row.expect("one row"), (String::new(), 1, 18, 0));
        let found = connection.query_row(
            "SELECT schema, price_nanos IS NULL, cost_nanos IS NULL, rolled_entries FROM segment, outcomes",
            [],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, bool>(1)?, row.get::<_, bool>(2)?, row.get::<_, i64>(3)?)),
        );
        assert_eq!(found.expect("reads"), (VERSION, true, true, 2));
        assert_eq!(
            by_dimension(&connection),
            [(0, 0, "k", 1), (1, 0, "g", 1), (2, 0, "m", 1), (3, 0, "r", 1), (4, 0, "", 1)]
                .map(|(dimension, day, value, requests)| (dimension, day, value.to_owned(), requests))
        );
    }

    /// Requests by dimension, day and value.
    fn by_dimension(connection: &Connection) -> Vec<(i64, i64, String, i64)> {
        let sql = format!("SELECT dimension, hour / {DAY}, value, requests FROM marginals ORDER BY 1, 2, 3");
        let mut statement = connection.prepare(&sql).expect("is there");
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)));
        rows.expect("reads").collect::<Result<_, _>>().expect("reads")
    }

    #[test]
    fn days_that_were_not_added_up_are_and_the_others_stay() {
        let connection = Connection::open_in_memory().expect("opens");
        schema::create(&connection).expect("makes a file of today");
        let zeros = ", 0".repeat(SUMS.len() - 1);
        for (day, host, requests) in [(1, "a", 1), (1, "b", 2), (3, "a", 4)] {
            let hour = day * DAY;
            let row = format!("INSERT INTO rollups VALUES ({hour}, 'k', 'g', 'm', 'r', '{host}', {requests}{zeros});");
            connection.execute_batch(&row).expect("writes");
        }
        upgrade(&connection).expect("upgrades");
        let whole = by_dimension(&connection);
        assert!(whole.contains(&(2, 1, "m".to_owned(), 3)) && whole.contains(&(4, 3, "a".to_owned(), 4)), "{whole:?}");
        assert_eq!(whole.len(), 4 + 2 + 4 + 1);

        // A start that ended between two days; and sums that lack one of today.
        connection.execute_batch(&format!("DELETE FROM marginals WHERE hour >= {}", 3 * DAY)).expect("forgets");
        upgrade(&connection).expect("goes on");
        assert_eq!(by_dimension(&connection), whole);
        connection.execute_batch("ALTER TABLE marginals DROP COLUMN refused;").expect("makes it older");
        upgrade(&connection).expect("upgrades");
        assert_eq!(by_dimension(&connection), whole);
    }

    #[test]
    fn a_file_of_the_third_schema_learns_what_was_refused() {
        let connection = Connection::open_in_memory().expect("opens");
        schema::create(&connection).expect("makes a file of today");
        let before = "ALTER TABLE rollups DROP COLUMN refused;
            INSERT INTO segment VALUES (1, 3, 'w', 1, 0, 0, 0, 0, 0, 0, x'00', 0, 0);";
        connection.execute_batch(before).expect("makes it older");
        for _ in 0..2 {
            upgrade(&connection).expect("upgrades");
        }
        connection.execute_batch("SELECT refused FROM rollups").expect("is there");
        let version: i64 = connection.query_row("SELECT schema FROM segment", [], |row| row.get(0)).expect("reads");
        assert_eq!(version, VERSION);
    }
}

//! Brings files of an earlier schema to this one, at start-up and before anything
//! else reads or writes them. Rows keep their bytes and hashes: columns are only
//! added, and what was not written then is absent.

use std::path::Path;

use rusqlite::Connection;

use crate::day;
use crate::retention::ARCHIVE;
use crate::rollup::Dimension;
use crate::schema::{self, INDEXES, OUTCOME_ADDED, VERSION};
use crate::sums::added_up;

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
    if !rollups.is_empty() && columns("marginals")?.is_empty() {
        steps.push(schema::rollups());
        steps.extend(Dimension::ALL.map(marginals_from_rollups));
    }
    if !steps.is_empty() && !segment.is_empty() {
        steps.push(format!("UPDATE segment SET schema = {VERSION};"));
    }
    if steps.is_empty() {
        return Ok(());
    }
    connection.execute_batch(&format!("BEGIN IMMEDIATE; {} COMMIT;", steps.concat()))
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

fn marginals_from_rollups(dimension: Dimension) -> String {
    let column = dimension.column();
    format!(
        "INSERT OR REPLACE INTO marginals SELECT {}, hour, {column}, {} FROM rollups GROUP BY hour, {column};",
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

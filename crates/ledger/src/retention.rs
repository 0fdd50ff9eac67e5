//! Retention: old segments go, their roll-ups stay.

use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;

use crate::day::{self, Day};
use crate::filing::FilingError;
use crate::meta::Meta;
use crate::schema;
use crate::upgrade::upgrade;

/// The roll-ups and last numbers of segments that are gone.
pub(crate) const ARCHIVE: &str = "rollups.db";

const RETIRED: &str = "
    CREATE TABLE IF NOT EXISTS retired (
        day INTEGER PRIMARY KEY,
        writer TEXT NOT NULL,
        first_seq INTEGER NOT NULL,
        last_seq INTEGER NOT NULL,
        entries INTEGER NOT NULL
    ) STRICT;
";

/// Removes segments whose last moment is older than `retention` at `now`, after keeping their roll-ups.
///
/// Can be repeated at any point: a segment's roll-ups replace those that an
/// interrupted run copied, and its files go last.
pub(crate) fn retain(dir: &Path, retention: Duration, now: Timestamp) -> Result<u64, FilingError> {
    let keep = SignedDuration::try_from(retention).unwrap_or(SignedDuration::MAX);
    let oldest = now.checked_sub(keep).map_or(Day(i32::MIN), Day::of);
    let busy: Vec<Day> = day::journals(dir)?.into_iter().map(|(day, _)| day).collect();
    let mut removed = 0;
    // A day with a journal is not over yet, whatever the clock says.
    for old in day::databases(dir)?.into_iter().filter(|day| *day < oldest && !busy.contains(day)) {
        keep_rollups(dir, old)?;
        for suffix in ["", "-wal", "-shm"] {
            let mut path = old.database(dir).into_os_string();
            path.push(suffix);
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        tracing::info!(segment = old.segment(), "a segment of the decision log was past retention and is removed");
        removed += 1;
    }
    Ok(removed)
}

fn keep_rollups(dir: &Path, old: Day) -> Result<(), FilingError> {
    let archive = open_archive(dir)?;
    archive.execute("ATTACH DATABASE ? AS segment_file", [old.database(dir).to_string_lossy()])?;
    let meta = Meta::read(&archive)?;
    let begun = archive.unchecked_transaction()?;
    for table in ["rollups", "marginals"] {
        archive.execute_batch(&format!("INSERT OR REPLACE INTO main.{table} SELECT * FROM segment_file.{table}"))?;
    }
    if let Some(meta) = meta {
        archive.execute(
            "INSERT OR REPLACE INTO retired VALUES (?, ?, ?, ?, ?)",
            (old.0, meta.writer, meta.first_seq, meta.last_seq, meta.link.entry),
        )?;
    }
    begun.commit()?;
    // The files go next: what was copied must be on disk before.
    archive.query_row("PRAGMA main.wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}

fn open_archive(dir: &Path) -> Result<Connection, FilingError> {
    let archive = schema::open_writable(&dir.join(ARCHIVE))?;
    archive.execute_batch("PRAGMA synchronous = FULL;")?;
    upgrade(&archive)?;
    archive.execute_batch(&schema::rollups())?;
    archive.execute_batch(RETIRED)?;
    Ok(archive)
}

/// The last sequence number of the segments that retention removed, for a writer.
pub(crate) fn retired_last_seq(dir: &Path) -> Result<u64, FilingError> {
    let path = dir.join(ARCHIVE);
    if !path.exists() {
        return Ok(0);
    }
    let archive = schema::open_readable(&path)?;
    Ok(archive.query_row("SELECT coalesce(max(last_seq), 0) FROM retired", [], |row| row.get(0))?)
}

//! Filing: from the journal into the day's SQLite file.
//!
//! A segment's rows arrive here as the canonical bytes that are already on
//! disk in the journal, so nothing is lost whatever happens here, and the
//! path after a crash is the everyday path. Rows, indexes, roll-ups and the
//! segment's own row (counts and head of the chain) change in one
//! transaction; a row whose entry number is already filed is skipped, which
//! makes filing idempotent.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Statement};

use crate::codec::{Decoder, Hash, Kind, Value, chained};
use crate::day::Day;
use crate::interrupted::{Planned, interrupted};
use crate::journal::{Link, WriterId, next_record};
use crate::meta::{Meta, Rolled};
use crate::pending::{CountedUnder, Pending};
use crate::recovery::Unended;
use crate::schema;
use crate::upgrade::upgrade;

/// Rows filed before other threads are let through; some 60 µs of work.
const ROWS_AT_A_STRETCH: u64 = 16;

/// Why rows could not be filed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FilingError {
    #[error("SQLite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("journal: {0}")]
    Io(#[from] std::io::Error),
    #[error("entry {expected} is missing or damaged in the journal")]
    Chain { expected: u64 },
    #[error("the segment was written by {found}, this log by {expected}")]
    Writer { found: String, expected: String },
    #[error("the segment has schema {0}, which this version does not know")]
    Schema(i64),
}

/// An intent that waits for its outcome.
struct Waiting {
    under: CountedUnder,
    /// Where it was going, known only of intents of an earlier run.
    planned: Option<Box<Planned>>,
}

/// A segment's database while rows are filed in it.
pub(crate) struct Segment {
    connection: Connection,
    meta: Meta,
    waiting: BTreeMap<u64, Waiting>,
    pending: Pending,
    /// Requests whose outcomes were filed since they were last taken.
    ended: Vec<u64>,
}

impl Segment {
    /// Opens the segment of a day, or creates it.
    pub(crate) fn open(dir: &Path, day: Day, writer: &WriterId) -> Result<Self, FilingError> {
        let connection = schema::open_writable(&day.database(dir))?;
        connection.busy_timeout(std::time::Duration::from_millis(500))?;
        connection.set_prepared_statement_cache_capacity(16);
        let writer = hex::encode(writer);
        let exists: bool =
            connection.query_row("SELECT count(*) FROM sqlite_master WHERE name = 'segment'", [], |row| row.get(0))?;
        if !exists {
            let begun = connection.unchecked_transaction()?;
            schema::create(&connection)?;
            let first = Link::first(&parse_writer(&writer), day);
            connection.execute(
                "INSERT INTO segment VALUES (1, ?, ?, ?, 0, 0, 0, 0, 0, 0, ?, 0, 0)",
                (schema::VERSION, &writer, day.0, first.head),
            )?;
            begun.commit()?;
        }
        upgrade(&connection)?;
        let version: i64 = connection.query_row("SELECT schema FROM segment", [], |row| row.get(0))?;
        if version != schema::VERSION {
            return Err(FilingError::Schema(version));
        }
        let meta = Meta::read(&connection)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        if meta.writer != writer {
            return Err(FilingError::Writer { found: meta.writer, expected: writer });
        }
        let mut segment =
            Self { connection, meta, waiting: BTreeMap::new(), pending: Pending::default(), ended: Vec::new() };
        segment.load_waiting()?;
        segment.load_pending()?;
        Ok(segment)
    }

    pub(crate) fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Requests whose outcomes were filed since the last call, in the order in which they ended.
    pub(crate) fn take_ended(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.ended)
    }

    /// Whether some intent waits for its outcome.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Does `work` in one transaction: all that it files is there afterwards, or nothing. After an error the
    /// segment must be opened anew.
    pub(crate) fn in_transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, FilingError>,
    ) -> Result<T, FilingError> {
        let run = |statement: &str| self.connection.prepare_cached(statement)?.execute([]);
        run("BEGIN IMMEDIATE")?;
        let done = work(self).and_then(|done| {
            self.connection.prepare_cached("COMMIT")?.execute([])?;
            Ok(done)
        });
        if done.is_err() {
            // An error here means that SQLite has rolled back by itself.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        done
    }

    /// Files the records at the head of `bytes` in one transaction, and returns how many bytes those were.
    pub(crate) fn file(&mut self, bytes: &[u8], trusted: bool) -> Result<usize, FilingError> {
        self.in_transaction(|segment| {
            let consumed = segment.take_in(bytes, trusted, &|| false)?;
            segment.complete(&|| false)?;
            Ok(consumed)
        })
    }

    /// Files the records at the head of `bytes` in the transaction that has begun, until `is_enough`, and returns how many
    /// bytes those were.
    ///
    /// With `trusted`, the hashes are taken as they are: the writer of this very process made them.
    pub(crate) fn take_in(
        &mut self,
        bytes: &[u8],
        trusted: bool,
        is_enough: &impl Fn() -> bool,
    ) -> Result<usize, FilingError> {
        let mut inserts = [
            self.connection.prepare_cached(&Kind::Intent.insert())?,
            self.connection.prepare_cached(&Kind::Outcome.insert())?,
        ];
        let mut consumed = 0;
        while let Some(record) = next_record(&bytes[consumed..]) {
            consumed += record.length;
            let expected = self.meta.link.entry + 1;
            let (kind, values) = decode(record.row).ok_or(FilingError::Chain { expected })?;
            let entry = values[1].integer().unwrap_or(0) as u64;
            if entry < expected {
                continue;
            }
            let sound = trusted || chained(&self.meta.link.head, record.row) == *record.hash;
            if entry > expected || !sound {
                return Err(FilingError::Chain { expected });
            }
            insert(&mut inserts[kind as usize - 1], values.slice(), record.hash)?;
            note(&mut self.meta, &mut self.waiting, &mut self.pending, kind, values.slice());
            self.meta.link = Link { entry, head: *record.hash };
            if kind == Kind::Outcome {
                self.ended.push(values[0].integer().unwrap_or(0) as u64);
            }
            if entry.is_multiple_of(ROWS_AT_A_STRETCH) {
                // Requests go first: on a busy machine one would wait behind the whole round.
                std::thread::yield_now();
                if is_enough() {
                    break;
                }
            }
        }
        Ok(consumed)
    }

    /// Completes a transaction that has filed something: roll-ups, if it is time for them and not `is_enough`, and the
    /// segment's own row.
    pub(crate) fn complete(&mut self, is_enough: &impl Fn() -> bool) -> Result<(), FilingError> {
        let settled = self.waiting.first_key_value().map_or(self.meta.last_seq + 1, |(seq, _)| *seq);
        self.meta.settled_seq = settled;
        if self.pending.is_worth_writing() && !is_enough() {
            self.write_roll_ups(is_enough)?;
        }
        Ok(self.meta.write(&self.connection)?)
    }

    /// Whether roll-ups lack rows that are filed.
    pub(crate) fn is_behind(&self) -> bool {
        !self.meta.is_rolled_up()
    }

    /// Completes the roll-ups, unless there `is_enough`. After an error the segment must be opened anew.
    pub(crate) fn roll_up(&mut self, is_enough: &impl Fn() -> bool) -> Result<(), FilingError> {
        if !self.is_behind() || is_enough() {
            return Ok(());
        }
        self.in_transaction(|segment| {
            segment.write_roll_ups(is_enough)?;
            Ok(segment.meta.write(&segment.connection)?)
        })
    }

    /// Writes all roll-ups, or, when there `is_enough` meanwhile, none: of thousands whoever has the least standing would
    /// keep others waiting for long.
    fn write_roll_ups(&mut self, is_enough: &impl Fn() -> bool) -> rusqlite::Result<()> {
        let run = |statement: &str| self.connection.prepare_cached(statement)?.execute([]);
        run("SAVEPOINT roll_ups")?;
        if self.pending.write(&self.connection, is_enough)? {
            self.meta.rolled = Rolled { entries: self.meta.link.entry, seq: self.meta.settled_seq };
        } else {
            run("ROLLBACK TO roll_ups")?;
        }
        run("RELEASE roll_ups").map(drop)
    }

    /// Gives every intent that still waits the outcome `interrupted`: its process is gone.
    pub(crate) fn interrupt(&mut self, at: Timestamp) -> Result<u64, FilingError> {
        // Those filed just now from a journal are read again, for their routes.
        self.load_waiting()?;
        let mut link = self.meta.link;
        let mut records = Vec::new();
        for (seq, waiting) in &self.waiting {
            link.entry += 1;
            let outcome = interrupted(at, waiting.planned.as_deref().unwrap_or(&Planned::default()));
            let row_at = crate::journal::begin_record(&mut records);
            schema::encode_outcome(&mut records, *seq, link.entry, &outcome);
            crate::journal::end_record(&mut records, row_at, &mut link.head);
        }
        let interrupted = self.waiting.len() as u64;
        self.file(&records, true)?;
        Ok(interrupted)
    }

    /// The intents that still wait: another process may end them.
    pub(crate) fn unended(&mut self, day: Day) -> Result<Vec<Unended>, FilingError> {
        self.load_waiting()?;
        let waiting = self.waiting.iter_mut();
        Ok(waiting
            .map(|(seq, waiting)| Unended {
                day,
                seq: *seq,
                under: waiting.under.clone(),
                planned: waiting.planned.take().map(|planned| *planned).unwrap_or_default(),
            })
            .collect())
    }

    /// Moves the write-ahead log into the database and syncs it. `false` when a reader was in the way.
    ///
    /// The file of the write-ahead log keeps its size, to be written over:
    /// growing it anew costs more than writing to it.
    pub(crate) fn checkpoint(&self) -> rusqlite::Result<bool> {
        self.run_checkpoint("PRAGMA wal_checkpoint(RESTART)")
    }

    /// The same, and empties the file of the write-ahead log: when the segment is closed.
    pub(crate) fn close(&self) -> rusqlite::Result<bool> {
        self.run_checkpoint("PRAGMA wal_checkpoint(TRUNCATE)")
    }

    fn run_checkpoint(&self, pragma: &str) -> rusqlite::Result<bool> {
        self.connection.query_row(pragma, [], |row| row.get(0).map(|busy: i64| busy == 0))
    }

    fn load_waiting(&mut self) -> rusqlite::Result<()> {
        if self.meta.intents == self.meta.outcomes {
            return Ok(());
        }
        let mut statement = self.connection.prepare(
            "SELECT i.seq, i.at, coalesce(i.consumer, ''), i.logical_group_id, i.public_model, \
             i.route_id, i.host_id, i.shadow_group_id, i.shadow_model, i.sticky_hit, i.fallback_used FROM intents i \
             LEFT JOIN outcomes o ON o.seq = i.seq WHERE i.seq >= ? AND o.seq IS NULL",
        )?;
        let mut rows = statement.query([self.meta.settled_seq])?;
        while let Some(row) = rows.next()? {
            let text = |at| row.get_ref(at).map(value);
            let under = CountedUnder::new(row.get(1)?, text(2)?.text(), text(3)?.text(), text(4)?.text());
            let planned = Planned {
                route: row.get(5)?,
                host: row.get(6)?,
                shadow_group: row.get(7)?,
                shadow_model: row.get(8)?,
                sticky_hit: row.get(9)?,
                fallback_used: row.get(10)?,
            };
            self.waiting.insert(row.get(0)?, Waiting { under, planned: Some(Box::new(planned)) });
        }
        Ok(())
    }

    /// Counts the rows again that are filed and were not rolled up when the process ended.
    fn load_pending(&mut self) -> rusqlite::Result<()> {
        if self.meta.is_rolled_up() {
            return Ok(());
        }
        let columns: Vec<String> = Kind::Outcome.columns().map(|column| format!("o.{column}")).collect();
        let mut statement = self.connection.prepare(&format!(
            "SELECT i.at, coalesce(i.consumer, ''), i.logical_group_id, i.public_model, {} FROM outcomes o \
             JOIN intents i ON i.seq = o.seq WHERE o.seq >= ? AND o.entry > ?",
            columns.join(", ")
        ))?;
        let mut rows = statement.query([self.meta.rolled.seq, self.meta.rolled.entries])?;
        while let Some(row) = rows.next()? {
            let text = |at| row.get_ref(at).map(value);
            let under = CountedUnder::new(row.get(0)?, text(1)?.text(), text(2)?.text(), text(3)?.text());
            let outcome: Vec<_> = (4..4 + columns.len()).map(text).collect::<Result<_, _>>()?;
            self.pending.add(&under, &outcome);
        }
        Ok(())
    }
}

fn value(value: ValueRef<'_>) -> Value<'_> {
    match value {
        ValueRef::Integer(value) => Value::Integer(value),
        // Text of ours is UTF-8; anything else counts as absent.
        ValueRef::Text(text) => std::str::from_utf8(text).map_or(Value::Null, Value::Text),
        _ => Value::Null,
    }
}

/// Keeps the counts, the waiting and the roll-ups in step with a filed row.
fn note(
    meta: &mut Meta,
    waiting: &mut BTreeMap<u64, Waiting>,
    pending: &mut Pending,
    kind: Kind,
    values: &[Value<'_>],
) {
    let seq = values[0].integer().unwrap_or(0) as u64;
    match kind {
        Kind::Intent => {
            if meta.intents == 0 {
                meta.first_seq = seq;
            }
            meta.intents += 1;
            meta.last_seq = meta.last_seq.max(seq);
            waiting.insert(seq, Waiting { under: CountedUnder::of_intent(values), planned: None });
        }
        Kind::Outcome => {
            meta.outcomes += 1;
            if let Some(intent) = waiting.remove(&seq) {
                pending.add(&intent.under, values);
            }
        }
    }
}

fn insert(statement: &mut Statement<'_>, values: &[Value<'_>], hash: &Hash) -> rusqlite::Result<()> {
    for (at, value) in values.iter().enumerate() {
        match value {
            Value::Null => statement.raw_bind_parameter(at + 1, rusqlite::types::Null)?,
            Value::Integer(value) => statement.raw_bind_parameter(at + 1, value)?,
            Value::Text(value) => statement.raw_bind_parameter(at + 1, value)?,
        }
    }
    statement.raw_bind_parameter(values.len() + 1, &hash[..])?;
    statement.raw_execute().map(drop)
}

/// The values of a row, without an allocation.
pub(crate) struct Values<'r> {
    values: [Value<'r>; Kind::Outcome.width()],
    length: usize,
}

impl<'r> Values<'r> {
    pub(crate) fn slice(&self) -> &[Value<'r>] {
        &self.values[..self.length]
    }
}

impl<'r> std::ops::Index<usize> for Values<'r> {
    type Output = Value<'r>;

    fn index(&self, at: usize) -> &Value<'r> {
        &self.slice()[at]
    }
}

/// Decodes a row of its kind's width; the columns that were added are absent when they were left out.
pub(crate) fn decode(row: &[u8]) -> Option<(Kind, Values<'_>)> {
    let mut decoder = Decoder(row);
    let kind = decoder.kind()?;
    let mut values = Values { values: [Value::Null; Kind::Outcome.width()], length: kind.width() };
    for (at, value) in values.values[..kind.width()].iter_mut().enumerate() {
        if at == kind.least_width() && decoder.0.is_empty() {
            break;
        }
        *value = decoder.next()?;
    }
    decoder.0.is_empty().then_some((kind, values))
}

pub(crate) fn parse_writer(text: &str) -> WriterId {
    let mut id = WriterId::default();
    // Anything else than 32 hex digits is refused where the file is read; zeros lead to a chain fault.
    let _ = hex::decode_to_slice(text, &mut id);
    id
}

#[cfg(test)]
mod tests;

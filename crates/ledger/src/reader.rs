//! Reading the log: pages, one decision, the tail. `sums` reads what was added up.
//!
//! Every call opens read-only connections of its own, so that the writer
//! never waits for a reader, and works on a directory whose server runs, is
//! stopped, or is elsewhere (a copy). All calls block: use a thread that may.
//! Pages are keyset pages, newest first, without `COUNT(*)`; a page takes
//! what it finds within its patience, and is then short but has a cursor.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, types::Value as SqlValue};
use serde::{Serialize, Serializer};

use crate::day::{self, Day};
use crate::decision::{Decision, Origin, columns};
use crate::filter::{Drive, Filter};
use crate::ledger::is_written;
use crate::meta::Meta;
use crate::scan::Scan;
use crate::schema;
use crate::tail::{Ended, TailCursor};

/// After this time a page is returned with what it has, unless its reader says otherwise.
pub const PATIENCE: Duration = Duration::from_millis(5);
/// Arrival times follow sequence numbers but for the time between arrival and plan, in microseconds. A request
/// whose body took longer to arrive may be missing at the edge of a list that is bounded by time.
pub(crate) const DISORDER: i64 = 30_000_000;
/// How much of a tail is repeated when it is taken up again.
const REPEATED: SignedDuration = SignedDuration::from_secs(1);
/// A request that ran for longer is not found when a tail is taken up again: a bound on what is looked through.
const LONGEST_REPLAYED: SignedDuration = SignedDuration::from_mins(15);
/// Connections kept for the next call.
const IDLE_CONNECTIONS: usize = 6;
/// Rows of a page at most.
const LONGEST_PAGE: usize = 1_000;

/// Why the log could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// SQLite failed.
    #[error("the decision log cannot be read: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The directory cannot be listed.
    #[error("the decision log cannot be read: {0}")]
    Io(#[from] std::io::Error),
}

/// Some decisions, newest first.
#[derive(Clone, Debug, Serialize)]
pub struct Page {
    /// The decisions.
    pub items: Vec<Decision>,
    /// Where to go on; absent at the end.
    pub next_cursor: Option<ListCursor>,
}

/// A place in a list: what follows it, newest first, comes before this sequence number of that day's segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListCursor {
    day: Day,
    seq: u64,
}

/// The text is no [`ListCursor`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not one that a list returned")]
pub struct NoListCursor;

/// Reads the log in a directory; clones share a few idle connections.
#[derive(Clone, Debug)]
pub struct LedgerReader {
    dir: PathBuf,
    idle: Arc<Mutex<Vec<Idle>>>,
}

/// A connection that waits for the next call, and what was found out over it.
#[derive(Debug)]
struct Idle {
    day: Day,
    connection: Connection,
    edges: Edges,
}

/// Where hours begin, by time: rows are never moved, so what has been searched for once stays true.
type Edges = RefCell<BTreeMap<i64, u64>>;

/// An open segment, with its own row.
pub(crate) struct Opened {
    pub(crate) day: Day,
    name: String,
    pub(crate) connection: Connection,
    pub(crate) meta: Meta,
    edges: Edges,
}

impl LedgerReader {
    /// A reader of the log in `dir`, which need not exist yet.
    pub fn open(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), idle: Arc::default() }
    }

    /// The directory that is read.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A page of decisions, newest first; `cursor` is the last page's.
    ///
    /// A page may be shorter than `limit`, even empty, and still have a
    /// cursor: the filter was rare or the disk slow, and there is more to look
    /// through.
    pub fn list(&self, filter: &Filter, cursor: Option<ListCursor>, limit: usize) -> Result<Page, ReadError> {
        self.list_within(PATIENCE, filter, cursor, limit)
    }

    /// The same for a reader who would rather wait for that long than ask again.
    pub fn list_within(
        &self,
        patience: Duration,
        filter: &Filter,
        cursor: Option<ListCursor>,
        limit: usize,
    ) -> Result<Page, ReadError> {
        let started = Instant::now();
        let limit = limit.clamp(1, LONGEST_PAGE);
        let without_outcome = self.without_outcome();
        let mut items = Vec::new();
        let days = self.days()?;
        let mut days = days
            .iter()
            .rev()
            .copied()
            .filter(|day| cursor.is_none_or(|from| *day <= from.day) && filter.includes_day(*day))
            .peekable();
        while let Some(day) = days.next() {
            let Some(segment) = self.segment(day)? else { continue };
            let before = match cursor {
                Some(from) if from.day == day => from.seq,
                _ => segment.meta.last_seq + 1,
            };
            let origin = segment.origin(without_outcome);
            let stopped = Scan { segment: &segment, origin: &origin, filter, limit, started, patience }
                .run(before, &mut items)?;
            let next = match stopped {
                Some(seq) => Some(ListCursor { day, seq }),
                // The segment is done: what comes next is the end of the one before it.
                None if items.len() >= limit || started.elapsed() >= patience => {
                    days.peek().map(|next| ListCursor { day: *next, seq: i64::MAX as u64 })
                }
                None => None,
            };
            self.put_back(segment);
            if next.is_some() {
                return Ok(Page { items, next_cursor: next });
            }
            if items.len() >= limit {
                break;
            }
        }
        Ok(Page { items, next_cursor: None })
    }

    /// The newest decision with this request id.
    pub fn get(&self, request_id: &str) -> Result<Option<Decision>, ReadError> {
        if let Some(made) = made_at(request_id) {
            // An id that tells its time is nearly always where its time says.
            if let Some(found) = self.get_in(request_id, Day::of(made), Some(made))? {
                return Ok(Some(found));
            }
        }
        for day in self.days()?.into_iter().rev() {
            if let Some(found) = self.get_in(request_id, day, None)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn get_in(&self, request_id: &str, day: Day, made: Option<Timestamp>) -> Result<Option<Decision>, ReadError> {
        let Some(segment) = self.segment(day)? else { return Ok(None) };
        let filter = Filter { request_id: Some(request_id.to_owned()), ..Filter::default() };
        let origin = segment.origin(self.without_outcome());
        let (started, patience) = (Instant::now(), Duration::MAX);
        let scan = Scan { segment: &segment, origin: &origin, filter: &filter, limit: 1, started, patience };
        let mut items = Vec::new();
        if let Some(made) = made.map(Timestamp::as_microsecond) {
            let first = segment.first_after(made - DISORDER)?;
            let last = segment.first_after(made + DISORDER)?;
            scan.by_request_between(request_id, first, last, &mut items)?;
        } else {
            scan.by_request(request_id, segment.meta.last_seq + 1, &mut items)?;
        }
        self.put_back(segment);
        Ok(items.pop())
    }

    /// Those of the requests that match, in the order in which they ended, at most `limit`; and whether there are more.
    pub fn ended(&self, ended: &Ended, filter: &Filter, limit: usize) -> Result<(Vec<Decision>, bool), ReadError> {
        let Some(segment) = self.segment(ended.day)? else { return Ok((Vec::new(), false)) };
        let origin = segment.origin(self.without_outcome());
        let (condition, parameters) = filter.condition(origin.without_outcome);
        let sql = format!("SELECT {} {} WHERE {condition} AND i.seq IN (?1, ?2, ?3)", columns(), Drive::Rows.source());
        let mut statement = segment.connection.prepare_cached(&sql)?;
        let mut found = Vec::new();
        for seqs in ended.seqs.chunks(3) {
            let seqs = [0, 1, 2].map(|place| SqlValue::Integer(*seqs.get(place).unwrap_or(&seqs[0]) as i64));
            let mut rows = statement.query(rusqlite::params_from_iter(seqs.iter().chain(&parameters)))?;
            while let Some(row) = rows.next()? {
                found.push(Decision::from_row(row, &origin)?);
            }
            if found.len() > limit {
                break;
            }
        }
        drop(statement);
        self.put_back(segment);
        Ok(first_ended(found, limit))
    }

    /// Requests that ended after `cursor` and match, the first of them, at most `limit`; and whether there are more.
    ///
    /// The last second before the cursor is repeated, since rows are not filed exactly in the order in which requests
    /// end; and requests that had been running for longer than `LONGEST_REPLAYED` are not looked for.
    pub fn ended_since(
        &self,
        cursor: TailCursor,
        filter: &Filter,
        limit: usize,
    ) -> Result<(Vec<Decision>, bool), ReadError> {
        let from = cursor.back(REPEATED);
        let begun = from.ended_at.saturating_sub(LONGEST_REPLAYED.as_micros() as i64);
        let first_day = Timestamp::from_microsecond(begun).map_or(None, |begun| Some(Day::of(begun)));
        let mut found = Vec::new();
        for day in self.days()?.into_iter().filter(|day| first_day.is_none_or(|first| *day >= first)) {
            let Some(segment) = self.segment(day)? else { continue };
            let first = segment.first_after(begun.saturating_sub(DISORDER))?;
            let origin = segment.origin(self.without_outcome());
            let (condition, parameters) = filter.condition(origin.without_outcome);
            let sql = format!(
                "SELECT {} FROM outcomes o CROSS JOIN intents i ON i.seq = o.seq \
                 WHERE {condition} AND o.seq >= ?1 AND o.at > ?2 ORDER BY o.at, o.seq LIMIT ?3",
                columns()
            );
            let mut statement = segment.connection.prepare_cached(&sql)?;
            let bounds = [first as i64, from.ended_at, limit as i64 + 1].map(SqlValue::Integer);
            let mut rows = statement.query(rusqlite::params_from_iter(bounds.iter().chain(&parameters)))?;
            while let Some(row) = rows.next()? {
                found.push(Decision::from_row(row, &origin)?);
            }
            drop(rows);
            drop(statement);
            self.put_back(segment);
        }
        Ok(first_ended(found, limit))
    }

    /// Decisions after a sequence number, oldest first: a live view asks again with the last it saw.
    pub fn tail(&self, after_seq: u64, limit: usize) -> Result<Vec<Decision>, ReadError> {
        let without_outcome = self.without_outcome();
        let mut segments = Vec::new();
        for day in self.days()?.into_iter().rev() {
            let Some(segment) = self.segment(day)? else { continue };
            if segment.meta.last_seq <= after_seq {
                break;
            }
            segments.push(segment);
        }
        let limit = limit.clamp(1, LONGEST_PAGE);
        let mut items = Vec::new();
        for segment in segments.into_iter().rev() {
            let origin = segment.origin(without_outcome);
            let sql = format!(
                "SELECT {} FROM intents i LEFT JOIN outcomes o ON o.seq = i.seq WHERE i.seq > ? ORDER BY i.seq LIMIT ?",
                columns()
            );
            let mut statement = segment.connection.prepare_cached(&sql)?;
            let mut rows = statement.query((after_seq as i64, (limit - items.len()) as i64))?;
            while let Some(row) = rows.next()? {
                items.push(Decision::from_row(row, &origin)?);
            }
            drop(rows);
            drop(statement);
            self.put_back(segment);
        }
        Ok(items)
    }

    /// The last sequence number of the log; 0 when it is empty.
    pub fn last_seq(&self) -> Result<u64, ReadError> {
        for day in self.days()?.into_iter().rev() {
            if let Some(segment) = self.segment(day)? {
                return Ok(segment.meta.last_seq);
            }
        }
        Ok(0)
    }

    fn without_outcome(&self) -> &'static str {
        if is_written(&self.dir) { "open" } else { "interrupted" }
    }

    pub(crate) fn days(&self) -> Result<Vec<Day>, ReadError> {
        let days = day::databases(&self.dir)?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).retain(|idle| days.contains(&idle.day));
        Ok(days)
    }

    /// Opens a segment; `None` when retention was faster, or it has no row yet.
    pub(crate) fn segment(&self, day: Day) -> Result<Option<Opened>, ReadError> {
        let idle = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.iter().position(|idle| idle.day == day).map(|at| idle.swap_remove(at))
        };
        let (connection, edges) = match idle {
            Some(Idle { connection, edges, .. }) => (connection, edges),
            None => match schema::open_readable(&day.database(&self.dir)) {
                Ok(connection) => (connection, Edges::default()),
                Err(_) if !day.database(&self.dir).exists() => return Ok(None),
                Err(error) => return Err(error.into()),
            },
        };
        let exists: bool = connection
            .prepare_cached("SELECT count(*) FROM sqlite_master WHERE name = 'segment'")?
            .query_row([], |row| row.get(0))?;
        let meta = if exists { Meta::read(&connection)? } else { None };
        let meta = meta.filter(|meta| meta.intents > 0);
        Ok(meta.map(|meta| Opened { day, name: day.segment(), connection, meta, edges }))
    }

    pub(crate) fn put_back(&self, Opened { day, connection, edges, .. }: Opened) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() >= IDLE_CONNECTIONS {
            idle.remove(0);
        }
        idle.push(Idle { day, connection, edges });
    }
}

/// The first `limit` by the time at which they ended, and whether there are more.
fn first_ended(mut found: Vec<Decision>, limit: usize) -> (Vec<Decision>, bool) {
    found.sort_by_key(|decision| (decision.ended_at, decision.seq));
    let is_more = found.len() > limit;
    found.truncate(limit);
    (found, is_more)
}

impl Opened {
    pub(crate) fn origin(&self, without_outcome: &'static str) -> Origin<'_> {
        Origin { day: self.day, segment: &self.name, writer: &self.meta.writer, without_outcome }
    }

    /// The same as [`Self::first_after`] for a time that is asked for again and again: a search reads a page or two from
    /// the disk for each step, once the system has let go of them.
    pub(crate) fn hour_edge(&self, at: i64) -> Result<u64, ReadError> {
        if let Some(known) = self.edges.borrow().get(&at) {
            return Ok(*known);
        }
        let found = self.first_after(at)?;
        // Later rows may still be before an edge that no row is beyond.
        if found <= self.meta.last_seq {
            self.edges.borrow_mut().insert(at, found);
        }
        Ok(found)
    }

    /// The first sequence number whose request arrived after `at`, give or take [`DISORDER`].
    pub(crate) fn first_after(&self, at: i64) -> Result<u64, ReadError> {
        let mut statement =
            self.connection.prepare_cached("SELECT seq, at FROM intents WHERE seq >= ? ORDER BY seq LIMIT 1")?;
        let (mut low, mut high) = (self.meta.first_seq, self.meta.last_seq + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            let found = statement.query_row([middle as i64], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)));
            match found {
                Ok((_, arrived)) if arrived > at => high = middle,
                Ok((seq, _)) => low = seq as u64 + 1,
                Err(rusqlite::Error::QueryReturnedNoRows) => high = middle,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(low)
    }
}

/// When a request id says that it was made: a UUID of version 7 does, as ours are.
fn made_at(request_id: &str) -> Option<Timestamp> {
    let digits: String = request_id.chars().filter(|character| *character != '-').collect();
    if digits.len() != 32 || !digits.is_ascii() || digits.as_bytes()[12] != b'7' {
        return None;
    }
    let milliseconds = i64::from_str_radix(&digits[..12], 16).ok()?;
    Timestamp::from_millisecond(milliseconds).ok()
}

/// Opaque to clients: the segment's day and the sequence number, in hex.
impl fmt::Display for ListCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}{:x}", self.day.0, self.seq)
    }
}

impl FromStr for ListCursor {
    type Err = NoListCursor;

    fn from_str(text: &str) -> Result<Self, NoListCursor> {
        let (day, seq) = text.split_at_checked(8).ok_or(NoListCursor)?;
        let day = u32::from_str_radix(day, 16).map_err(|_| NoListCursor)?;
        let seq = u64::from_str_radix(seq, 16).map_err(|_| NoListCursor)?;
        if seq > i64::MAX as u64 {
            return Err(NoListCursor);
        }
        Ok(Self { day: Day(day.cast_signed()), seq })
    }
}

impl Serialize for ListCursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_was() {
        for (day, seq) in [(Day(20_780), 1), (Day(-1), 10_000_000), (Day(0), i64::MAX as u64)] {
            let cursor = ListCursor { day, seq };
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        for wrong in ["", "1234", "zzzzzzzz1", "00005126", "00005126ffffffffffffffff"] {
            assert_eq!(wrong.parse::<ListCursor>(), Err(NoListCursor), "{wrong}");
        }
    }
}

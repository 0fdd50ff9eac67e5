//! Verification: every hash anew, every number in its place.
//!
//! Each segment is read in one snapshot, in the order of its entries, both
//! tables merged; the journal's rows that are not filed yet follow. Works
//! while a server writes, after it was killed, and on a copy. A row that was
//! changed, removed, added or moved breaks the chain at a place that is
//! named; removed last rows show in the counts and head that the segment
//! keeps of itself; a removed segment shows in the sequence numbers.

mod beside;
mod report;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Rows};

use crate::aside;
use crate::codec::{Encoder, Hash, Kind, Value, chained};
use crate::day::{self, Day};
use crate::filing::{decode, parse_writer};
use crate::journal::{JournalImage, Link, next_record};
use crate::ledger::is_written;
use crate::meta::Meta;
use crate::reader::ReadError;
use crate::retention::retired_last_seq;
use crate::schema::{self, outcome_at};

pub use report::{Fault, InterruptedRow, SegmentReport, VerifyReport};

/// Verifies the log in a directory (`<data_dir>/log`). Blocks; reads every row.
///
/// # Errors
/// [`ReadError`] when a file cannot be read at all; whatever can be read and
/// is wrong is a fault in the report.
pub fn verify(dir: &Path) -> Result<VerifyReport, ReadError> {
    verify_with(dir, |_, _, _| {})
}

/// The same, for somebody who waits: `progress` is told each segment before it is read, how many were, and of how many.
///
/// # Errors
/// As [`verify`].
pub fn verify_with(dir: &Path, mut progress: impl FnMut(&str, u64, u64)) -> Result<VerifyReport, ReadError> {
    let mut report = VerifyReport::default();
    // Asked before anything is read: rows of a server that stops meanwhile are still called open.
    let beside = aside::list(dir)?;
    let running = is_written(dir) || beside.iter().any(|path| aside::is_held(path));
    let retired = retired_last_seq(dir).map_err(|error| match error {
        crate::filing::FilingError::Sqlite(error) => ReadError::Sqlite(error),
        other => ReadError::Io(std::io::Error::other(other.to_string())),
    })?;
    let mut days: BTreeMap<Day, Vec<u32>> = BTreeMap::new();
    for (day, number) in day::journals(dir)? {
        days.entry(day).or_default().push(number);
    }
    for day in day::databases(dir)? {
        days.entry(day).or_default();
    }
    for name in day::names(dir)?.iter().filter(|name| name.ends_with(".damaged")) {
        report.fault(name, "a damaged journal was set aside at a start: its rows are not in the log".to_owned());
    }
    let mut seqs = SeqRanges::default();
    let segments = days.len() as u64;
    for (done, (day, numbers)) in days.into_iter().enumerate() {
        progress(&day.segment(), done as u64, segments);
        let walked = Walk::new(dir, day, running, &mut report).run(&numbers)?;
        if let Some(walked) = walked {
            seqs.add(walked);
        }
    }
    seqs.check(retired, &mut report);
    for path in beside {
        beside::verify(&path, &mut report)?;
    }
    Ok(report)
}

/// Which sequence numbers each segment holds, to find what is in none.
///
/// Around midnight two segments take turns, so segments may overlap; only a
/// number that no segment has is missing.
#[derive(Default)]
struct SeqRanges {
    ranges: Vec<(u64, u64)>,
    segments: Vec<(String, u64)>,
}

struct Walked {
    segment: String,
    ranges: Vec<(u64, u64)>,
}

impl SeqRanges {
    fn add(&mut self, walked: Walked) {
        if let Some((first, _)) = walked.ranges.first() {
            self.segments.push((walked.segment, *first));
        }
        self.ranges.extend(walked.ranges);
    }

    fn check(mut self, retired: u64, report: &mut VerifyReport) {
        self.ranges.sort_unstable();
        let mut expected = retired + 1;
        for (first, last) in self.ranges {
            if first > expected {
                let segment = self.segments.iter().filter(|(_, start)| *start <= first).map(|(name, _)| name.as_str());
                let segment = segment.max().unwrap_or_default().to_owned();
                report.fault(
                    &segment,
                    format!("requests {expected} to {} are missing: a segment or its rows were removed", first - 1),
                );
            }
            expected = expected.max(last + 1);
        }
    }
}

/// A row as it is in SQLite, in canonical bytes; ordered by entry.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct StoredRow {
    entry: u64,
    seq: u64,
    bytes: Vec<u8>,
    /// `None` when there is no hash of the right length.
    hash: Option<Hash>,
}

fn next_row(rows: &mut Rows<'_>, kind: Kind) -> rusqlite::Result<Option<StoredRow>> {
    let Some(row) = rows.next()? else { return Ok(None) };
    let mut bytes = Vec::with_capacity(512);
    let mut encoder = Encoder(&mut bytes);
    encoder.kind(kind);
    // What is absent at the end was left out when the row was written.
    let mut width = kind.width();
    let is_absent = |at: usize| row.get_ref(at).is_ok_and(|value| value == ValueRef::Null);
    if (kind.least_width()..width).all(is_absent) {
        width = kind.least_width();
    }
    for at in 0..width {
        // The tables are strict: there is nothing here that cannot be encoded, unless their schema was changed.
        if !encoder.value(row.get_ref(at)?) {
            encoder.null();
        }
    }
    Ok(Some(StoredRow { seq: row.get(0)?, entry: row.get(1)?, bytes, hash: row.get(kind.width()).ok() }))
}

/// The walk through one segment.
struct Walk<'w> {
    dir: &'w Path,
    day: Day,
    name: String,
    running: bool,
    report: &'w mut VerifyReport,
    faults_before: u64,
    link: Link,
    writer: String,
    rows: u64,
    outcomes: u64,
    in_journal: u64,
    interrupted: u64,
    /// Requests whose outcome has not been met yet.
    waiting: BTreeMap<u64, String>,
    seen: Vec<(u64, u64)>,
}

impl<'w> Walk<'w> {
    fn new(dir: &'w Path, day: Day, running: bool, report: &'w mut VerifyReport) -> Self {
        let faults_before = report.fault_count;
        Self {
            dir,
            day,
            name: day.segment(),
            running,
            report,
            faults_before,
            link: Link { entry: 0, head: Hash::default() },
            writer: String::new(),
            rows: 0,
            outcomes: 0,
            in_journal: 0,
            interrupted: 0,
            waiting: BTreeMap::new(),
            seen: Vec::new(),
        }
    }

    fn run(mut self, journals: &[u32]) -> Result<Option<Walked>, ReadError> {
        // Read before SQLite: what is filed and deleted meanwhile is then found in either.
        let images: Vec<JournalImage> =
            journals.iter().filter_map(|number| self.image(*number).transpose()).collect::<Result<_, _>>()?;
        if self.day.database(self.dir).exists() {
            let database = self.day.database(self.dir);
            let read = schema::open_readable(&database).map_err(ReadError::from);
            if let Err(error) = read.and_then(|connection| self.filed(&connection)) {
                self.fault(format!("the segment cannot be read to its end: {error}"));
            }
        }
        self.journaled(&images);
        if self.writer.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.finish()))
    }

    fn image(&self, number: u32) -> Result<Option<JournalImage>, ReadError> {
        match JournalImage::read(&self.day.journal(self.dir, number)) {
            Ok(image) => Ok(image),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn begin(&mut self, writer: &str) {
        writer.clone_into(&mut self.writer);
        self.link = Link::first(&parse_writer(writer), self.day);
    }

    /// Verifies what is in SQLite.
    fn filed(&mut self, connection: &Connection) -> Result<(), ReadError> {
        let _snapshot = connection.unchecked_transaction()?;
        let exists: bool =
            connection.query_row("SELECT count(*) FROM sqlite_master WHERE name = 'segment'", [], |row| row.get(0))?;
        if !exists {
            return Ok(());
        }
        let Some(meta) = Meta::read(connection)? else {
            self.fault("the segment's own row is missing".to_owned());
            return Ok(());
        };
        self.begin(&meta.writer);
        self.rows_by_entry(connection)?;
        if (self.link, self.rows, self.outcomes) != (meta.link, meta.intents, meta.outcomes) {
            self.removed_tail(&meta);
        }
        Ok(())
    }

    /// Walks both tables by entry number.
    ///
    /// Intents are stored in that order. Outcomes are stored beside their
    /// intents; one that came late waits in a heap for its turn, so that
    /// the walk holds no more than was in flight at one time.
    fn rows_by_entry(&mut self, connection: &Connection) -> Result<(), ReadError> {
        let select = |kind: Kind| {
            let columns: Vec<&str> = kind.columns().collect();
            connection.prepare(&format!("SELECT {}, hash FROM {} ORDER BY seq", columns.join(", "), kind.table()))
        };
        let (mut intents, mut outcomes) = (select(Kind::Intent)?, select(Kind::Outcome)?);
        let (mut intents, mut outcomes) = (intents.query([])?, outcomes.query([])?);
        let mut late = BinaryHeap::new();
        let mut next_outcome = next_row(&mut outcomes, Kind::Outcome)?;
        while let Some(intent) = next_row(&mut intents, Kind::Intent)? {
            while let Some(outcome) = next_outcome.take_if(|outcome| outcome.seq < intent.seq) {
                late.push(Reverse(outcome));
                next_outcome = next_row(&mut outcomes, Kind::Outcome)?;
            }
            while late.peek().is_some_and(|Reverse(outcome)| outcome.entry < intent.entry) {
                if let Some(Reverse(outcome)) = late.pop() {
                    self.row(&outcome.bytes, outcome.hash.as_ref());
                }
            }
            self.row(&intent.bytes, intent.hash.as_ref());
        }
        while let Some(outcome) = next_outcome {
            late.push(Reverse(outcome));
            next_outcome = next_row(&mut outcomes, Kind::Outcome)?;
        }
        while let Some(Reverse(outcome)) = late.pop() {
            self.row(&outcome.bytes, outcome.hash.as_ref());
        }
        Ok(())
    }

    /// Verifies the rows that journals hold beyond what is filed.
    fn journaled(&mut self, images: &[JournalImage]) {
        for image in images {
            if self.writer.is_empty() {
                self.begin(&hex::encode(image.writer));
            }
            if hex::encode(image.writer) != self.writer {
                self.fault("a journal of another writer".to_owned());
                continue;
            }
            let mut left = image.records();
            while let Some(record) = next_record(left) {
                left = &left[record.length..];
                let Some((_, values)) = decode(record.row) else {
                    self.fault(format!("a journal row after entry {} is damaged", self.link.entry));
                    break;
                };
                let entry = values[1].integer().unwrap_or(0) as u64;
                if entry <= self.link.entry {
                    continue;
                }
                let last = next_record(left).is_none();
                if last
                    && chained(&self.link.head, record.row) != *record.hash
                    && entry == self.link.entry + 1
                    && self.running
                {
                    // A write that is under way just now.
                    break;
                }
                self.in_journal += 1;
                self.row(record.row, Some(record.hash));
            }
        }
    }

    /// Verifies one row against the chain, and goes on from it.
    fn row(&mut self, bytes: &[u8], hash: Option<&Hash>) {
        let expected = self.link.entry + 1;
        let Some((kind, values)) = decode(bytes) else {
            self.fault(format!("a row after entry {} does not have its columns' types", self.link.entry));
            return;
        };
        let (seq, entry) = (values[0].integer().unwrap_or(0) as u64, values[1].integer().unwrap_or(0) as u64);
        let named = self.name_of(kind, seq, entry, values.slice());
        if entry > expected {
            let missing = match entry - expected {
                1 => format!("entry {expected} is missing"),
                _ => format!("entries {expected} to {} are missing", entry - 1),
            };
            self.fault(format!("{missing} before {named}"));
        } else if entry < expected {
            self.fault(format!("{named} has an entry number that was given before"));
        }
        match hash {
            Some(hash) if *hash == chained(&self.link.head, bytes) => {}
            // After a missing entry the hash before it is unknown, and the gap is named already.
            Some(_) if entry > expected => {}
            Some(_) => self.fault(format!("{named} was changed, or is of another chain")),
            None => self.fault(format!("{named} was changed")),
        }
        match kind {
            Kind::Intent => {
                self.rows += 1;
                self.saw(seq);
                let request_id = match values[3] {
                    Value::Text(text) => text.to_owned(),
                    _ => String::new(),
                };
                self.waiting.insert(seq, request_id);
            }
            Kind::Outcome => {
                self.outcomes += 1;
                match self.waiting.remove(&seq) {
                    None => self.fault(format!("{named} belongs to no request of this segment")),
                    Some(request_id) if values[outcome_at::VERDICT] == Value::Text("interrupted") => {
                        self.interrupted += 1;
                        self.report.interrupted(&self.name, seq, request_id);
                    }
                    Some(_) => {}
                }
            }
        }
        if let Some(hash) = hash {
            self.link = Link { entry: entry.max(self.link.entry), head: *hash };
        }
    }

    fn name_of(&self, kind: Kind, seq: u64, entry: u64, values: &[Value<'_>]) -> String {
        let request_id = match (kind, values[3]) {
            (Kind::Intent, Value::Text(text)) => text,
            _ => self.waiting.get(&seq).map_or("unknown", String::as_str),
        };
        let what = match kind {
            Kind::Intent => "intent",
            Kind::Outcome => "outcome",
        };
        format!("the {what} of request {seq} ({request_id}, entry {entry})")
    }

    fn saw(&mut self, seq: u64) {
        match self.seen.last_mut() {
            Some((_, last)) if *last + 1 == seq => *last = seq,
            _ => self.seen.push((seq, seq)),
        }
    }

    fn removed_tail(&mut self, meta: &Meta) {
        let what = if self.link.entry < meta.link.entry {
            format!("the last rows are missing: entries {} to {}", self.link.entry + 1, meta.link.entry)
        } else {
            format!(
                "the segment's own row does not agree with its rows: it tells of {} entries, {} requests and {} outcomes; \
                 there are {}, {} and {}",
                meta.link.entry, meta.intents, meta.outcomes, self.link.entry, self.rows, self.outcomes
            )
        };
        self.fault(what);
    }

    fn fault(&mut self, what: String) {
        self.report.fault(&self.name, what);
    }

    fn finish(mut self) -> Walked {
        let without = std::mem::take(&mut self.waiting);
        let unended = without.len() as u64;
        if !self.running {
            for (seq, request_id) in without {
                self.report.interrupted(&self.name, seq, request_id);
            }
        }
        self.report.rows += self.rows;
        if self.running {
            self.report.open += unended;
        }
        let (first_seq, last_seq) = (
            self.seen.iter().map(|range| range.0).min().unwrap_or(0),
            self.seen.iter().map(|range| range.1).max().unwrap_or(0),
        );
        let interrupted = self.interrupted + if self.running { 0 } else { unended };
        self.report.segments.push(SegmentReport {
            segment: self.name.clone(),
            writer: self.writer,
            rows: self.rows,
            outcomes: self.outcomes,
            interrupted,
            open: if self.running { unended } else { 0 },
            in_journal: self.in_journal,
            first_seq,
            last_seq,
            faults: self.report.fault_count - self.faults_before,
        });
        Walked { segment: self.name, ranges: self.seen }
    }
}

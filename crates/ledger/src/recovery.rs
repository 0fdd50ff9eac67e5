//! What a start finds: rows of an earlier run in journals, and requests that it did not live to end.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::day::{self, Day};
use crate::filing::{FilingError, Segment, parse_writer};
use crate::interrupted::Planned;
use crate::journal::{JournalImage, Link, WriterId};
use crate::ledger::OpenError;
use crate::meta::Meta;
use crate::pending::CountedUnder;
use crate::schema;

/// Where a writer goes on.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) last_seq: u64,
    pub(crate) links: BTreeMap<Day, Link>,
    /// Rows found in journals.
    pub(crate) refiled: u64,
    /// Requests of earlier runs that got the outcome `interrupted`.
    pub(crate) interrupted: u64,
    /// Requests that journals beside the log may hold the outcomes of: not interrupted for now.
    pub(crate) unended: Vec<Unended>,
}

/// A request without an outcome.
#[derive(Debug)]
pub(crate) struct Unended {
    pub(crate) day: Day,
    pub(crate) seq: u64,
    pub(crate) under: CountedUnder,
    pub(crate) planned: Planned,
}

/// What becomes of requests that the last run did not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfinished {
    /// Their process is gone.
    Interrupt,
    /// There are journals beside the log, whose writers may end them.
    Leave,
}

/// Reads the writer's id, or makes it at the first start.
pub(crate) fn writer_id(dir: &Path) -> Result<WriterId, OpenError> {
    let path = dir.join("writer");
    let io = |source| OpenError::Io { path: path.clone(), source };
    match std::fs::read_to_string(&path) {
        Ok(text) if text.trim().len() == 32 && hex::decode(text.trim()).is_ok() => Ok(parse_writer(text.trim())),
        Ok(_) => Err(OpenError::Writer { path }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut id = WriterId::default();
            getrandom::fill(&mut id).map_err(|error| io(std::io::Error::other(error.to_string())))?;
            // Written beside and renamed: a crash must not leave half an id.
            let beside = dir.join("writer.new");
            let mut file = std::fs::File::create(&beside).map_err(io)?;
            writeln!(file, "{}", hex::encode(id)).and_then(|()| file.sync_all()).map_err(io)?;
            std::fs::rename(&beside, &path).map_err(io)?;
            Ok(id)
        }
        Err(error) => Err(io(error)),
    }
}

/// Files what journals hold, ends what was interrupted, and says where every chain stands.
pub(crate) fn recover(
    dir: &Path,
    writer: &WriterId,
    unfinished: Unfinished,
    now: Timestamp,
) -> Result<Recovered, OpenError> {
    let io = |source| OpenError::Io { path: dir.to_owned(), source };
    let mut journals: BTreeMap<Day, Vec<u32>> = BTreeMap::new();
    for (day, number) in day::journals(dir).map_err(io)? {
        journals.entry(day).or_default().push(number);
    }
    let mut days = day::databases(dir).map_err(io)?;
    days.extend(journals.keys());
    days.sort_unstable();
    days.dedup();
    let mut recovered =
        Recovered { last_seq: 0, links: BTreeMap::new(), refiled: 0, interrupted: 0, unended: Vec::new() };
    for day in days {
        let failed = |source: FilingError| OpenError::Segment { segment: day.segment(), source: source.into() };
        let numbers = journals.get(&day).map_or(&[][..], Vec::as_slice);
        let meta = match numbers {
            [] => settled(dir, day).map_err(failed)?,
            _ => None,
        };
        let meta = if let Some(meta) = meta {
            meta
        } else {
            let interrupt_at = (unfinished == Unfinished::Interrupt).then_some(now);
            recover_segment(dir, day, writer, numbers, interrupt_at, &mut recovered).map_err(failed)?
        };
        recovered.last_seq = recovered.last_seq.max(meta.last_seq);
        recovered.links.insert(day, meta.link);
    }
    Ok(recovered)
}

/// The row of a segment that needs nothing done, without opening it for writing.
fn settled(dir: &Path, day: Day) -> Result<Option<Meta>, FilingError> {
    let connection = schema::open_readable(&day.database(dir))?;
    let exists: bool =
        connection.query_row("SELECT count(*) FROM sqlite_master WHERE name = 'segment'", [], |row| row.get(0))?;
    let meta = if exists { Meta::read(&connection)? } else { None };
    Ok(meta.filter(Meta::is_settled))
}

fn recover_segment(
    dir: &Path,
    day: Day,
    writer: &WriterId,
    numbers: &[u32],
    interrupt_at: Option<Timestamp>,
    recovered: &mut Recovered,
) -> Result<Meta, FilingError> {
    let mut segment = Segment::open(dir, day, writer)?;
    let before = segment.meta().link.entry;
    for number in numbers {
        let path = day.journal(dir, *number);
        match refile(&mut segment, &path, writer) {
            Ok(()) => {}
            Err(FilingError::Chain { expected }) => {
                // Kept aside for whoever looks into it; verification tells of it.
                let aside = damaged(&path);
                tracing::error!(path = %aside.display(), expected, "a journal of the decision log is damaged");
                std::fs::rename(&path, &aside)?;
                segment = Segment::open(dir, day, writer)?;
            }
            Err(error) => return Err(error),
        }
    }
    recovered.refiled += segment.meta().link.entry - before;
    match interrupt_at {
        _ if !segment.is_waiting() => {}
        Some(now) => recovered.interrupted += segment.interrupt(now)?,
        None => recovered.unended.extend(segment.unended(day)?),
    }
    segment.roll_up(&|| false)?;
    if segment.close()? {
        for number in numbers {
            match std::fs::remove_file(day.journal(dir, *number)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
    }
    Ok(segment.meta().clone())
}

fn refile(segment: &mut Segment, path: &Path, writer: &WriterId) -> Result<(), FilingError> {
    let Some(image) = JournalImage::read(path)? else { return Ok(()) };
    let expected = segment.meta().link.entry + 1;
    if image.writer != *writer || image.link.entry >= expected && image.link != segment.meta().link {
        return Err(FilingError::Chain { expected });
    }
    let mut left = image.records();
    // A transaction a megabyte, cut at a record.
    while !left.is_empty() {
        let piece = &left[..whole_records(left, 1 << 20)];
        if piece.is_empty() {
            break;
        }
        segment.file(piece, false)?;
        left = &left[piece.len()..];
    }
    Ok(())
}

/// The length of the whole records at the head of `bytes`, up to the first that passes `limit`.
fn whole_records(bytes: &[u8], limit: usize) -> usize {
    let mut length = 0;
    while let Some(record) = crate::journal::next_record(&bytes[length..]) {
        length += record.length;
        if length >= limit {
            break;
        }
    }
    length
}

/// The name a damaged journal is kept under.
pub(crate) fn damaged(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".damaged");
    PathBuf::from(name)
}

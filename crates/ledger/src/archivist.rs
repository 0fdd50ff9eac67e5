//! The filing thread: follows the writer, checkpoints, deletes journals, and applies retention.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use crate::day::Day;
use crate::filing::{FilingError, Segment};
use crate::journal::{HEADER_BYTES, WriterId};
use crate::progress::{Chunk, FILE_EVERY, Progress, Round, count};
use crate::retention::retain;

/// How often retention looks.
const RETENTION_EVERY: Duration = Duration::from_hours(1);
/// Bytes read at once, unless a record is longer: they stay in a processor's cache until they are filed.
const READ_BYTES: usize = 256 << 10;
/// Bytes filed in one transaction, more or less. The pages of the indexes over consumers and routes
/// are all written in each, so it is a round's worth.
const TRANSACTION_BYTES: u64 = 8 << 20;
/// A reader, such as a verification, may be in a checkpoint's way for long: filing must not wait for it each time.
const CHECKPOINT_AGAIN: Duration = Duration::from_secs(5);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(250);

pub(crate) struct Archivist {
    pub(crate) dir: PathBuf,
    pub(crate) writer: WriterId,
    pub(crate) retention: Duration,
    /// The time at `started`; the thread has no clock of its own.
    pub(crate) opened_at: Timestamp,
    pub(crate) started: Instant,
    pub(crate) progress: Arc<Progress>,
    /// Held until everything is filed.
    pub(crate) lock: File,
}

/// How far a journal file is filed.
struct Followed {
    file: File,
    filed: u64,
}

impl Followed {
    /// Files a transaction's worth of the records up to `end`.
    fn file_some(&mut self, end: u64, segment: &mut Segment, buffer: &mut Vec<u8>) -> Result<(), FilingError> {
        let enough = end.min(self.filed + TRANSACTION_BYTES);
        let mut at_once = READ_BYTES;
        while self.filed < enough {
            let left = (end - self.filed) as usize;
            buffer.resize(at_once.min(left), 0);
            self.file.read_exact_at(buffer, self.filed)?;
            let consumed = segment.take_in(buffer, true)?;
            if consumed == 0 && at_once >= left {
                return Err(FilingError::Chain { expected: segment.meta().link.entry + 1 });
            }
            // A record longer than what was read: twice as much next time.
            at_once = if consumed == 0 { at_once * 2 } else { READ_BYTES };
            self.filed += consumed as u64;
        }
        buffer.shrink_to(READ_BYTES);
        Ok(())
    }
}

#[derive(Default)]
struct Desk {
    segments: BTreeMap<Day, Segment>,
    followed: BTreeMap<(Day, u32), Followed>,
    buffer: Vec<u8>,
    /// When to try again where a reader was in the way.
    checkpoint_after: BTreeMap<Day, Instant>,
    /// Deleted in this round, with a file before them.
    discarded: BTreeSet<(Day, u32)>,
    /// Segments that were open when filing failed: their roll-ups may be behind.
    reopen: BTreeSet<Day>,
}

impl Desk {
    /// Whether some roll-ups lack filed rows.
    fn is_behind(&self) -> bool {
        self.segments.values().any(Segment::is_behind)
    }
}

impl Archivist {
    /// Files until the writer has ended and everything is filed.
    pub(crate) fn run(self) {
        let mut desk = Desk::default();
        let mut filed = false;
        let mut failing = false;
        let mut retained = Instant::now();
        loop {
            let longest = if desk.is_behind() { FILE_EVERY } else { RETENTION_EVERY };
            let round = self.progress.next_round(filed, longest);
            match self.file_round(&mut desk, &round) {
                Ok(rows) => {
                    filed = rows > 0;
                    if std::mem::take(&mut failing) {
                        tracing::info!("decisions are filed again");
                        self.progress.recovered();
                    }
                    self.progress.filed.notify_waiters();
                }
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::error!(%error, "decisions stay in the journal: they cannot be filed");
                    }
                    self.progress.failed(&error);
                    // A failed transaction leaves counts that were never committed.
                    desk = Desk {
                        reopen: desk.reopen.into_iter().chain(desk.segments.into_keys()).collect(),
                        ..Desk::default()
                    };
                    filed = false;
                    if round.last {
                        break;
                    }
                    self.progress.back_off(PAUSE_AFTER_FAILURE);
                    self.progress.retry();
                    continue;
                }
            }
            if round.last {
                break;
            }
            if retained.elapsed() >= RETENTION_EVERY {
                retained = Instant::now();
                self.retain();
            }
        }
        drop(desk);
        drop(self.lock);
    }

    fn file_round(&self, desk: &mut Desk, round: &Round) -> Result<u64, FilingError> {
        let mut rows = 0;
        desk.discarded.clear();
        while let Some(day) = desk.reopen.first().copied() {
            desk.segments.insert(day, Segment::open(&self.dir, day, &self.writer)?);
            desk.reopen.remove(&day);
        }
        for chunk in &round.chunks {
            if desk.discarded.contains(&(chunk.day, chunk.number)) {
                continue;
            }
            rows += self.file_chunk(desk, *chunk)?;
            if chunk.sealed {
                // At once, also when many wait: what SQLite's write-ahead log holds stays small.
                self.discard(desk, chunk.day, round)?;
            }
        }
        if rows == 0 || round.hurry || round.last {
            desk.segments.values_mut().try_for_each(Segment::roll_up)?;
        }
        if !desk.is_behind() {
            let counters = &self.progress.counters;
            counters.rolled.store(counters.filed.load(Ordering::SeqCst), Ordering::SeqCst);
        }
        Ok(rows)
    }

    fn file_chunk(&self, desk: &mut Desk, chunk: Chunk) -> Result<u64, FilingError> {
        let Desk { segments, followed, buffer, .. } = desk;
        let followed = match followed.entry((chunk.day, chunk.number)) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(new) => {
                let file = File::open(chunk.day.journal(&self.dir, chunk.number))?;
                new.insert(Followed { file, filed: HEADER_BYTES as u64 })
            }
        };
        if followed.filed >= chunk.end {
            return Ok(0);
        }
        let segment = match segments.entry(chunk.day) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(new) => {
                new.insert(Segment::open(&self.dir, chunk.day, &self.writer)?)
            }
        };
        let before = segment.meta().link.entry;
        let mut rows = 0;
        while followed.filed < chunk.end {
            segment.in_transaction(|segment| {
                followed.file_some(chunk.end, segment, buffer)?;
                segment.complete()
            })?;
            self.progress.ended.tell(chunk.day, segment.take_ended());
            // At once: should the next transaction fail, nobody would count these again.
            count(&self.progress.counters.filed, segment.meta().link.entry - before - rows);
            rows = segment.meta().link.entry - before;
        }
        Ok(rows)
    }

    /// Deletes a day's sealed journal files once SQLite has synced their rows, and closes a segment that is over.
    fn discard(&self, desk: &mut Desk, day: Day, round: &Round) -> Result<(), FilingError> {
        let Some(segment) = desk.segments.get_mut(&day) else { return Ok(()) };
        if desk.checkpoint_after.get(&day).is_some_and(|after| Instant::now() < *after) {
            return Ok(());
        }
        if !segment.checkpoint()? {
            desk.checkpoint_after.insert(day, Instant::now() + CHECKPOINT_AGAIN);
            return Ok(());
        }
        desk.checkpoint_after.remove(&day);
        for chunk in round.chunks.iter().filter(|chunk| chunk.day == day && chunk.sealed) {
            let filed = desk.followed.get(&(day, chunk.number)).is_some_and(|followed| followed.filed >= chunk.end);
            if filed {
                desk.followed.remove(&(day, chunk.number));
                std::fs::remove_file(day.journal(&self.dir, chunk.number))?;
                self.progress.deleted(day, chunk.number);
                desk.discarded.insert((day, chunk.number));
            }
        }
        let over = round.chunks.iter().all(|chunk| chunk.day != day || chunk.sealed)
            && !desk.followed.keys().any(|(followed, _)| *followed == day);
        if over && round.chunks.iter().any(|chunk| chunk.day > day) {
            segment.roll_up()?;
            desk.segments.remove(&day);
        }
        Ok(())
    }

    fn retain(&self) {
        let elapsed = SignedDuration::try_from(self.started.elapsed()).unwrap_or_default();
        if let Err(error) = retain(&self.dir, self.retention, self.opened_at + elapsed) {
            tracing::error!(%error, "old segments of the decision log could not be removed");
        }
    }
}

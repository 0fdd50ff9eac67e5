//! The filing threads: they follow the writer, checkpoint, delete journals, and apply retention.
//!
//! There are two, of which one works at a time. A second's rows take a processor for tens of milliseconds, and a
//! request that met that would be the slowest of a hundred. So what files every day has the least standing that there is, and gets
//! what others leave. When somebody waits for the rows, or they have waited for long, the other one takes over (ADR 0022).

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use crate::day::Day;
use crate::filing::{FilingError, Segment};
use crate::journal::{HEADER_BYTES, WriterId};
use crate::progress::{Chunk, Pace, Progress, Round, count};
use crate::retention::retain;

/// How often retention looks.
const RETENTION_EVERY: Duration = Duration::from_hours(1);
/// How often there is a look at what may be left when nothing is written.
const LOOK_EVERY: Duration = Duration::from_mins(1);
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
    /// How long nothing is written before roll-ups that wait for more requests are completed.
    pub(crate) quiet: Duration,
    /// The time at `started`; the thread has no clock of its own.
    pub(crate) opened_at: Timestamp,
    pub(crate) started: Instant,
    pub(crate) progress: Arc<Progress>,
    pub(crate) desk: Mutex<Desk>,
}

/// How far a journal file is filed.
struct Followed {
    file: File,
    filed: u64,
}

impl Followed {
    /// Files a transaction's worth of the records up to `end`, or what there is of it before `is_enough`.
    fn file_some(
        &mut self,
        end: u64,
        segment: &mut Segment,
        buffer: &mut Vec<u8>,
        is_enough: &impl Fn() -> bool,
    ) -> Result<(), FilingError> {
        let enough = end.min(self.filed + TRANSACTION_BYTES);
        let mut at_once = READ_BYTES;
        while self.filed < enough && !is_enough() {
            let left = (end - self.filed) as usize;
            buffer.resize(at_once.min(left), 0);
            self.file.read_exact_at(buffer, self.filed)?;
            let consumed = segment.take_in(buffer, true, is_enough)?;
            if consumed == 0 && at_once >= left && !is_enough() {
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

/// What whoever files has before them.
#[derive(Default)]
pub(crate) struct Desk {
    segments: BTreeMap<Day, Segment>,
    followed: BTreeMap<(Day, u32), Followed>,
    buffer: Vec<u8>,
    /// When to try again where a reader was in the way.
    checkpoint_after: BTreeMap<Day, Instant>,
    /// Deleted in this round, with a file before them.
    discarded: BTreeSet<(Day, u32)>,
    /// Segments that were open when filing failed: their roll-ups may be behind.
    reopen: BTreeSet<Day>,
    /// The last round failed.
    failing: bool,
}

impl Desk {
    /// After a failed transaction: it leaves counts that were never committed.
    fn clear(&mut self) {
        let open = std::mem::take(&mut self.segments);
        let reopen = std::mem::take(&mut self.reopen).into_iter().chain(open.into_keys()).collect();
        *self = Self { reopen, failing: self.failing, ..Self::default() };
    }

    /// Whether some roll-ups lack filed rows.
    fn is_behind(&self) -> bool {
        self.segments.values().any(Segment::is_behind)
    }
}

impl Archivist {
    /// Files with what others leave of the processors, until the writer has ended.
    pub(crate) fn file_leisurely(&self) {
        let mut filed = false;
        loop {
            let longest = if self.desk().is_behind() { self.quiet } else { LOOK_EVERY };
            self.progress.wait_leisurely(filed, longest);
            let desk = self.desk();
            let Some(round) = self.progress.begin_round(Pace::Leisurely) else { break };
            // After a failure there is a pause too; the other thread tries again meanwhile.
            filed = self.file(desk, &round, Pace::Leisurely).map_or(true, |rows| rows > 0);
        }
    }

    /// Files what is needed or overdue, and applies retention, until the writer has ended and everything is filed.
    pub(crate) fn file_at_once(&self) {
        let mut retained = Instant::now();
        loop {
            self.progress.wait_for_need(RETENTION_EVERY.saturating_sub(retained.elapsed()));
            let desk = self.progress.take_over(|| self.desk());
            if retained.elapsed() >= RETENTION_EVERY {
                retained = Instant::now();
                self.retain();
            }
            let Some(round) = self.progress.begin_round(Pace::AtOnce) else { continue };
            let done = self.file(desk, &round, Pace::AtOnce);
            if round.last {
                break;
            }
            if done.is_err() {
                self.progress.back_off(PAUSE_AFTER_FAILURE);
            }
        }
        *self.desk() = Desk::default();
    }

    /// Files a round, and tells how it went: the rows that were filed.
    fn file(&self, mut desk: MutexGuard<'_, Desk>, round: &Round, pace: Pace) -> Result<u64, FilingError> {
        let done = self.file_round(&mut desk, round, pace);
        match &done {
            Ok(_) => self.progress.filed.notify_waiters(),
            Err(error) => {
                if !std::mem::replace(&mut desk.failing, true) {
                    tracing::error!(%error, "decisions stay in the journal: they cannot be filed");
                }
                self.progress.failed(error);
                desk.clear();
                self.progress.retry();
            }
        }
        done
    }

    fn file_round(&self, desk: &mut Desk, round: &Round, pace: Pace) -> Result<u64, FilingError> {
        let is_enough = || pace == Pace::Leisurely && self.progress.is_taken_over();
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
            rows += self.file_chunk(desk, *chunk, &is_enough)?;
            if is_enough() {
                // The rest, with what is to be done after it, is in the round of whoever takes over.
                return Ok(rows);
            }
            if chunk.sealed {
                // At once, also when many wait: what SQLite's write-ahead log holds stays small.
                self.discard(desk, chunk.day, round, &is_enough)?;
            }
        }
        if is_enough() {
            return Ok(rows);
        }
        if rows == 0 || round.hurry || round.last {
            desk.segments.values_mut().try_for_each(|segment| segment.roll_up(&is_enough))?;
        }
        if !desk.is_behind() {
            let counters = &self.progress.counters;
            counters.rolled.store(counters.filed.load(Ordering::SeqCst), Ordering::SeqCst);
        }
        if std::mem::take(&mut desk.failing) {
            tracing::info!("decisions are filed again");
            self.progress.recovered();
        }
        self.progress.end_round();
        Ok(rows)
    }

    fn file_chunk(&self, desk: &mut Desk, chunk: Chunk, is_enough: &impl Fn() -> bool) -> Result<u64, FilingError> {
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
        while followed.filed < chunk.end && !is_enough() {
            segment.in_transaction(|segment| {
                followed.file_some(chunk.end, segment, buffer, is_enough)?;
                segment.complete(is_enough)
            })?;
            self.progress.ended.tell(chunk.day, segment.take_ended());
            // At once: should the next transaction fail, nobody would count these again.
            count(&self.progress.counters.filed, segment.meta().link.entry - before - rows);
            rows = segment.meta().link.entry - before;
        }
        Ok(rows)
    }

    /// Deletes a day's sealed journal files once SQLite has synced their rows, and closes a segment that is over.
    fn discard(
        &self,
        desk: &mut Desk,
        day: Day,
        round: &Round,
        is_enough: &impl Fn() -> bool,
    ) -> Result<(), FilingError> {
        let Some(segment) = desk.segments.get_mut(&day) else { return Ok(()) };
        let filed: Vec<&Chunk> = (round.chunks.iter().filter(|chunk| chunk.day == day && chunk.sealed))
            .filter(|chunk| desk.followed.get(&(day, chunk.number)).is_some_and(|followed| followed.filed >= chunk.end))
            .collect();
        let is_done = |chunk: &Chunk| {
            desk.discarded.contains(&(day, chunk.number)) || filed.iter().any(|filed| filed.number == chunk.number)
        };
        let over = round.chunks.iter().any(|chunk| chunk.day > day)
            && round.chunks.iter().all(|chunk| chunk.day != day || is_done(chunk));
        if over {
            // While its files are there: whoever takes over begins with them.
            segment.roll_up(is_enough)?;
            if segment.is_behind() {
                return Ok(());
            }
        }
        if desk.checkpoint_after.get(&day).is_some_and(|after| Instant::now() < *after) {
            return Ok(());
        }
        if !segment.checkpoint()? {
            desk.checkpoint_after.insert(day, Instant::now() + CHECKPOINT_AGAIN);
            return Ok(());
        }
        desk.checkpoint_after.remove(&day);
        for chunk in filed {
            desk.followed.remove(&(day, chunk.number));
            std::fs::remove_file(day.journal(&self.dir, chunk.number))?;
            self.progress.deleted(day, chunk.number);
            desk.discarded.insert((day, chunk.number));
        }
        if over {
            desk.segments.remove(&day);
        }
        Ok(())
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn retain(&self) {
        let elapsed = SignedDuration::try_from(self.started.elapsed()).unwrap_or_default();
        if let Err(error) = retain(&self.dir, self.retention, self.opened_at + elapsed) {
            tracing::error!(%error, "old segments of the decision log could not be removed");
        }
    }
}

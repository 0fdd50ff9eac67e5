//! The writer: numbers, chains and commits rows.
//!
//! It is a value that whoever queues a row works with, if nobody else does: all
//! that has queued is encoded, hashed, and appended to the journal with one
//! `write` for each segment concerned (one, but around midnight); then the
//! tickets are told. No other thread has to be woken for it, which would cost a
//! request more than the write does, and rows that queue meanwhile are taken
//! along. It waits for no timer, no `fsync` and no SQLite.
//!
//! The writer has a thread of its own that does nothing while that goes well. It
//! takes over, and callers only queue, when
//! - the disk fails: it is tried until it takes the rows; requests wait (spec §7);
//! - a write took long: whoever made it was held up, with all that its thread
//!   serves, and nobody else shall be until the disk is quick again;
//! - rows came as fast as a caller wrote them: it has connections to see to.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use crate::aside::{Aside, FIRST_ASIDE};
use crate::day::Day;
use crate::fault::DiskFault;
use crate::journal::{HEADER_BYTES, JournalFile, Link, WriterId, begin_record, end_record};
use crate::progress::{Chunk, Progress, count};
use crate::queue::{Message, Queue, Slot, SlotState};
use crate::schema::{encode_intent, encode_outcome};

/// Rows in one write at most: bounds the buffer when a long queue is caught up with.
const BATCH_ROWS: usize = 1024;
/// A journal file is sealed at this size. Small enough to be gone soon after its rows are filed.
const CHUNK_BYTES: u64 = 16 << 20;
/// How often one caller looks for rows that others queued while it wrote.
const ROUNDS: usize = 8;
/// A write that takes this long holds up whoever makes it …
const SLOW_WRITE: Duration = Duration::from_millis(20);
/// … and until one this much later was quick the writer's own thread makes them.
const SLOW_SPELL: Duration = Duration::from_secs(1);
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// What the writer starts from.
pub(crate) struct Start {
    pub(crate) dir: PathBuf,
    pub(crate) writer: WriterId,
    /// The last sequence number of this writer.
    pub(crate) last_seq: u64,
    /// Where the chains of existing segments stand.
    pub(crate) links: BTreeMap<Day, Link>,
    /// How long writing may fail after the log was closed before what is left is given up.
    pub(crate) give_up_after: Duration,
    pub(crate) fault: Option<DiskFault>,
}

/// A segment's chain, while rows are added to it.
pub(crate) struct Chain {
    file: Option<JournalFile>,
    /// Number of the journal file in use, or of the next one.
    number: u32,
    /// After all rows encoded.
    link: Link,
    /// After all rows on disk.
    committed: Link,
    /// Intents without an outcome.
    open: u64,
    /// Encoded, not on disk.
    buffer: Vec<u8>,
}

/// The writer, and how one gets to it.
pub(crate) struct Writing {
    queue: Arc<Queue>,
    progress: Arc<Progress>,
    give_up_after: Duration,
    writer: Mutex<Writer>,
}

impl std::fmt::Debug for Writing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writing").field("queue", &self.queue).finish_non_exhaustive()
    }
}

impl Writing {
    pub(crate) fn new(start: Start, queue: Arc<Queue>, progress: Arc<Progress>) -> Self {
        let give_up_after = start.give_up_after;
        let writer = Mutex::new(Writer::new(start, Arc::clone(&queue), Arc::clone(&progress)));
        Self { queue, progress, give_up_after, writer }
    }

    /// Writes what has queued; nothing, when somebody else is writing, who
    /// then takes it along.
    pub(crate) fn write_queued(&self) {
        for _ in 0..ROUNDS {
            let mut writer = match self.writer.try_lock() {
                Ok(writer) => writer,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => return,
            };
            if let Err(error) = writer.write_queued() {
                tracing::error!(%error, "the decision log cannot be written; requests wait");
                self.progress.failed(&error);
                return self.queue.leave_to_writer();
            }
            if writer.slow_until.is_some() {
                return self.queue.leave_to_writer();
            }
            drop(writer);
            // Who queued a row just now, and found the writer taken, relies on this look.
            if self.queue.is_empty() {
                return;
            }
        }
        self.queue.leave_to_writer();
    }

    /// The thread of the writer: idle until writing is left to it, and at last
    /// the one that ends the journal.
    pub(crate) fn stand_by(&self) {
        loop {
            self.queue.wait_for_trouble();
            let lost = self.write_for_all();
            if lost > 0 {
                tracing::error!(
                    rows = lost,
                    "the decision log was closed while it could not be written; rows are lost"
                );
            }
            if self.queue.is_closing() && self.has_written_all() {
                break;
            }
        }
        self.writer().seal_all();
        self.progress.writer_done();
    }

    /// Has every row from here on written aside, and ends the journal: another process may then take the log.
    ///
    /// # Errors
    /// What has queued cannot be written, or the file aside not be made; nothing has changed then.
    pub(crate) fn turn_aside(&self) -> io::Result<()> {
        let mut writer = self.writer();
        if writer.aside.is_some() {
            return Ok(());
        }
        let turned = writer.turn_aside();
        drop(writer);
        // Who queued a row meanwhile found the writer taken.
        match &turned {
            Ok(()) => {
                self.progress.writer_done();
                self.write_queued();
            }
            Err(error) => {
                self.progress.failed(error);
                self.queue.leave_to_writer();
            }
        }
        turned
    }

    /// Writes until callers may do so again, or until the log is being closed and there is no time left;
    /// returns the rows that were lost then.
    fn write_for_all(&self) -> u64 {
        let mut pause = FIRST_PAUSE;
        let mut give_up_at = None;
        loop {
            self.queue.take_over();
            let mut writer = self.writer();
            let (written, slow) = (writer.write_queued(), writer.slow_until.is_some());
            drop(writer);
            let Err(error) = written else {
                pause = FIRST_PAUSE;
                if self.progress.recovered() {
                    tracing::info!("the decision log is written again");
                }
                if self.queue.hand_back(slow) {
                    return 0;
                }
                continue;
            };
            self.progress.failed(&error);
            if give_up_at.is_some_and(|at| Instant::now() >= at) {
                return self.writer().give_up();
            }
            if self.queue.back_off(pause) && give_up_at.is_none() {
                give_up_at = Some(Instant::now() + self.give_up_after);
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn has_written_all(&self) -> bool {
        let writer = self.writer();
        writer.rows == 0 && self.queue.is_empty()
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Writer {
    start: Start,
    queue: Arc<Queue>,
    progress: Arc<Progress>,
    chains: BTreeMap<Day, Chain>,
    /// Where rows go once the log is handed over.
    aside: Option<Aside>,
    next_seq: u64,
    /// A write was slow, and none quick since then.
    slow_until: Option<Instant>,
    /// Taken from the queue; its room is used again.
    batch: Vec<Message>,
    /// Encoded and not on disk: the rows, the intents among them …
    rows: u64,
    waiting: Vec<Arc<Slot>>,
    /// … and the intents whose outcomes are among them.
    ended: Vec<Arc<Slot>>,
}

impl Writer {
    fn new(start: Start, queue: Arc<Queue>, progress: Arc<Progress>) -> Self {
        let next_seq = start.last_seq + 1;
        Self {
            start,
            queue,
            progress,
            chains: BTreeMap::new(),
            aside: None,
            next_seq,
            slow_until: None,
            batch: Vec::new(),
            rows: 0,
            waiting: Vec::new(),
            ended: Vec::new(),
        }
    }

    /// Puts on disk what has queued by now. After an error what was encoded is kept for the next try.
    fn write_queued(&mut self) -> io::Result<()> {
        self.commit()?;
        let mut batch = std::mem::take(&mut self.batch);
        self.queue.take(&mut batch);
        let mut left = batch.drain(..);
        while left.len() > 0 {
            for message in left.by_ref().take(BATCH_ROWS) {
                self.encode(message);
            }
            if let Err(error) = self.commit() {
                // The queue is in order, and what is behind must stay behind.
                for message in left {
                    self.encode(message);
                }
                return Err(error);
            }
        }
        drop(left);
        self.batch = batch;
        self.seal_finished();
        Ok(())
    }

    /// See [`Writing::turn_aside`].
    fn turn_aside(&mut self) -> io::Result<()> {
        self.write_queued()?;
        self.aside = Some(Aside::create(&self.start)?);
        self.next_seq = FIRST_ASIDE;
        self.seal_all();
        Ok(())
    }

    /// Encodes a message into its chain's buffer.
    fn encode(&mut self, message: Message) {
        match message {
            Message::Intent(slot, intent) => {
                let (day, seq) = (Day::of(intent.at), self.next_seq);
                self.next_seq += 1;
                slot.assign(day, seq);
                let chain = self.chain(day);
                chain.open += 1;
                chain.row(|buffer, entry| encode_intent(buffer, seq, entry, &intent));
                self.waiting.push(slot);
            }
            Message::Outcome(slot, outcome) => {
                // The queue is in order: an intent that has no place by now was given up.
                let Some((day, seq)) = slot.place() else {
                    count(&self.progress.counters.lost, 1);
                    return;
                };
                let chain = self.chain(day);
                chain.open = chain.open.saturating_sub(1);
                chain.row(|buffer, entry| encode_outcome(buffer, seq, entry, &outcome));
                self.ended.push(slot);
            }
            Message::Adopted(slot, row) if row.is_intent() => {
                let (day, seq) = (row.day(), self.next_seq);
                self.next_seq += 1;
                slot.assign(day, seq);
                let chain = self.chain(day);
                chain.open += 1;
                chain.row(|buffer, entry| row.renumber(buffer, seq, entry));
                self.waiting.push(slot);
            }
            Message::Adopted(slot, row) => {
                let Some((day, seq)) = slot.place() else {
                    count(&self.progress.counters.lost, 1);
                    return;
                };
                let chain = self.chain(day);
                chain.open = chain.open.saturating_sub(1);
                chain.row(|buffer, entry| row.renumber(buffer, seq, entry));
                self.ended.push(slot);
            }
        }
        self.rows += 1;
    }

    /// Puts everything encoded on disk and tells the tickets.
    fn commit(&mut self) -> io::Result<()> {
        if self.rows > 0 {
            let started = Instant::now();
            let appended = self.append_all();
            self.note_time(started);
            appended?;
            count(&self.progress.counters.written, self.rows);
            self.settle(SlotState::Committed);
        }
        Ok(())
    }

    fn note_time(&mut self, started: Instant) {
        let now = Instant::now();
        let took = now.duration_since(started);
        if took >= SLOW_WRITE {
            if self.slow_until.is_none() {
                let ms = took.as_millis() as u64;
                tracing::warn!(ms, "an append to the decision log took long; requests wait for it");
            }
            self.slow_until = Some(now + SLOW_SPELL);
        } else if self.slow_until.is_some_and(|until| until <= now) {
            self.slow_until = None;
        }
    }

    fn settle(&mut self, state: SlotState) {
        self.rows = 0;
        self.queue.written(self.waiting.len());
        for slot in self.waiting.drain(..) {
            slot.settle(state);
        }
        self.ended.drain(..).for_each(|slot| slot.end());
    }

    /// Loses what could not be written; returns how many rows that were.
    fn give_up(&mut self) -> u64 {
        let mut batch = std::mem::take(&mut self.batch);
        while self.queue.take(&mut batch) {
            for message in batch.drain(..) {
                self.encode(message);
            }
        }
        for chain in self.chains.values_mut().chain(self.aside.as_mut().map(|aside| &mut aside.chain)) {
            chain.buffer.clear();
            chain.link = chain.committed;
        }
        let lost = self.rows;
        count(&self.progress.counters.lost, lost);
        self.settle(SlotState::Dropped);
        lost
    }

    fn append_all(&mut self) -> io::Result<()> {
        if let Some(aside) = &mut self.aside {
            return aside.append();
        }
        for (day, chain) in &mut self.chains {
            if !chain.buffer.is_empty() {
                chain.append(*day, &self.start, &self.progress)?;
            }
        }
        Ok(())
    }

    fn chain(&mut self, day: Day) -> &mut Chain {
        if let Some(aside) = &mut self.aside {
            return &mut aside.chain;
        }
        let start = &self.start;
        self.chains.entry(day).or_insert_with(|| {
            let link = start.links.get(&day).copied().unwrap_or_else(|| Link::first(&start.writer, day));
            Chain::new(link)
        })
    }

    fn seal_all(&mut self) {
        for (day, chain) in &mut self.chains {
            chain.seal(*day, &self.progress);
        }
    }

    /// Seals the journal of a day that is over and owes no outcome; its chain is kept, in case of a late row.
    fn seal_finished(&mut self) {
        if self.chains.len() < 2 {
            return;
        }
        let Some(&newest) = self.chains.keys().next_back() else { return };
        for (day, chain) in self.chains.range_mut(..newest) {
            if chain.open == 0 {
                chain.seal(*day, &self.progress);
            }
        }
        // A chain without a file costs some bytes a day; a year of them is nothing.
    }
}

impl Chain {
    pub(crate) fn new(link: Link) -> Self {
        Self { file: None, number: 1, link, committed: link, open: 0, buffer: Vec::new() }
    }

    /// Appends what is encoded to the file in use, whatever its size.
    pub(crate) fn append_to(&mut self, file: &mut JournalFile) -> io::Result<()> {
        if !self.buffer.is_empty() {
            file.append(&self.buffer)?;
            self.buffer.clear();
            self.committed = self.link;
        }
        Ok(())
    }

    fn row(&mut self, encode: impl FnOnce(&mut Vec<u8>, u64)) {
        self.link.entry += 1;
        let row_at = begin_record(&mut self.buffer);
        encode(&mut self.buffer, self.link.entry);
        end_record(&mut self.buffer, row_at, &mut self.link.head);
    }

    fn append(&mut self, day: Day, start: &Start, progress: &Progress) -> io::Result<()> {
        if self.file.as_ref().is_some_and(|file| file.end() >= CHUNK_BYTES) {
            self.seal(day, progress);
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(JournalFile::create(
                &day.journal(&start.dir, self.number),
                &start.writer,
                day,
                &self.committed,
                start.fault.clone(),
            )?),
        };
        file.append(&self.buffer)?;
        let chunk = Chunk { day, number: self.number, end: file.end(), sealed: false };
        progress.wrote(chunk, self.buffer.len() as u64);
        self.buffer.clear();
        self.committed = self.link;
        Ok(())
    }

    fn seal(&mut self, day: Day, progress: &Progress) {
        if let Some(file) = self.file.take() {
            let chunk = Chunk { day, number: self.number, end: file.end().max(HEADER_BYTES as u64), sealed: true };
            self.number += 1;
            progress.wrote(chunk, 0);
        }
    }
}

//! The writer: numbers, chains and commits rows.
//!
//! One thread takes everything that has queued, encodes and hashes it, and
//! appends it to the journal with one `write` for each segment concerned
//! (one, but around midnight). Then the tickets are told. It waits for no
//! timer, no `fsync` and no SQLite. A failed write is repeated until it
//! succeeds; meanwhile requests wait in the queue (spec §7).

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::day::Day;
use crate::journal::{Capacity, HEADER_BYTES, JournalFile, Link, WriterId, begin_record, end_record};
use crate::progress::{Chunk, Progress, count};
use crate::queue::{Message, Queue, Slot, SlotState};
use crate::schema::{encode_intent, encode_outcome};

/// Rows in one write at most: bounds the buffer when a long queue is caught up with.
const BATCH_ROWS: usize = 1024;
/// A journal file is sealed at this size. Small enough to be gone soon after its rows are filed.
const CHUNK_BYTES: u64 = 16 << 20;
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
    pub(crate) capacity: Option<Capacity>,
}

/// A segment's chain, while rows are added to it.
struct Chain {
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

pub(crate) struct Writer {
    start: Start,
    queue: Arc<Queue>,
    progress: Arc<Progress>,
    chains: BTreeMap<Day, Chain>,
    next_seq: u64,
    waiting: Vec<Arc<Slot>>,
    /// Set when the log is closed while the disk fails: then nothing more is waited for.
    give_up_at: Option<Instant>,
}

impl Writer {
    pub(crate) fn new(start: Start, queue: Arc<Queue>, progress: Arc<Progress>) -> Self {
        let next_seq = start.last_seq + 1;
        Self { start, queue, progress, chains: BTreeMap::new(), next_seq, waiting: Vec::new(), give_up_at: None }
    }

    /// Writes until the queue is closed and empty.
    pub(crate) fn run(mut self) {
        let mut messages = Vec::new();
        while self.queue.take(&mut messages) {
            let mut left = messages.drain(..).peekable();
            while left.peek().is_some() {
                let rows = left.by_ref().take(BATCH_ROWS).map(|message| self.encode(message)).sum();
                self.commit(rows);
            }
            drop(left);
            self.seal_finished();
        }
        for (day, chain) in &mut self.chains {
            chain.seal(*day, &self.progress);
        }
        self.progress.writer_done();
    }

    /// Encodes a message into its chain's buffer; returns the rows that made.
    fn encode(&mut self, message: Message) -> u64 {
        match message {
            Message::Intent(slot, intent) => {
                let (day, seq) = (Day::of(intent.at), self.next_seq);
                self.next_seq += 1;
                slot.assign(day, seq);
                let chain = self.chain(day);
                chain.open += 1;
                chain.row(|buffer, entry| encode_intent(buffer, seq, entry, &intent));
                self.waiting.push(slot);
                1
            }
            Message::Outcome(slot, outcome) => {
                // The queue is in order: an intent that has no place by now was given up.
                let Some((day, seq)) = slot.place() else {
                    count(&self.progress.counters.lost, 1);
                    return 0;
                };
                let chain = self.chain(day);
                chain.open = chain.open.saturating_sub(1);
                chain.row(|buffer, entry| encode_outcome(buffer, seq, entry, &outcome));
                1
            }
        }
    }

    /// Puts everything encoded on disk, however long that takes, and tells the tickets.
    fn commit(&mut self, rows: u64) {
        let mut failing: Option<Duration> = None;
        let state = loop {
            let Err(error) = self.append_all() else {
                break SlotState::Committed;
            };
            let pause = failing.unwrap_or_else(|| {
                tracing::error!(%error, "the decision log cannot be written; requests wait");
                FIRST_PAUSE
            });
            failing = Some((pause * 2).min(LONGEST_PAUSE));
            self.progress.failed(&error);
            if self.give_up_at.is_some_and(|at| Instant::now() >= at) {
                break SlotState::Dropped;
            }
            if self.queue.back_off(pause) && self.give_up_at.is_none() {
                self.give_up_at = Some(Instant::now() + self.start.give_up_after);
            }
        };
        if state == SlotState::Committed {
            count(&self.progress.counters.written, rows);
            if failing.is_some() {
                tracing::info!("the decision log is written again");
                self.progress.recovered();
            }
        } else {
            tracing::error!(rows, "the decision log was closed while it could not be written; rows are lost");
            count(&self.progress.counters.lost, rows);
            for chain in self.chains.values_mut() {
                chain.buffer.clear();
                chain.link = chain.committed;
            }
        }
        self.queue.written(self.waiting.len());
        for slot in self.waiting.drain(..) {
            slot.settle(state);
        }
    }

    fn append_all(&mut self) -> io::Result<()> {
        for (day, chain) in &mut self.chains {
            if !chain.buffer.is_empty() {
                chain.append(*day, &self.start, &self.progress)?;
            }
        }
        Ok(())
    }

    fn chain(&mut self, day: Day) -> &mut Chain {
        let start = &self.start;
        self.chains.entry(day).or_insert_with(|| {
            let link = start.links.get(&day).copied().unwrap_or_else(|| Link::first(&start.writer, day));
            Chain { file: None, number: 1, link, committed: link, open: 0, buffer: Vec::new() }
        })
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
                start.capacity.clone(),
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

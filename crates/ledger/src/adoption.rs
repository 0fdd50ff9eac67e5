//! Adoption: rows that another process writes aside come into the log.
//!
//! A process that has handed the log over finishes what it has in flight and
//! writes those rows to a journal of its own (`aside`). The process that took
//! the log follows each such file, numbers and chains its rows like its own,
//! and deletes the file when its writer has ended and everything is in the
//! log. So the log has one chain and its readers know nothing of all this.
//!
//! A file may have been adopted in part, by a process that died or handed the
//! log over itself. An intent is looked up before it is taken (its request id,
//! time and seed), and an outcome only taken for an intent without one, so
//! adopting from the start again adds nothing twice.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension as _};

use crate::aside::{FIRST_ASIDE, first_link};
use crate::codec::{Decoder, Encoder, Kind, Value, chained};
use crate::day::Day;
use crate::filing::decode;
use crate::interrupted::{Planned, interrupted};
use crate::journal::{HEADER_BYTES, Link, WriterId, next_record};
use crate::meta::Meta;
use crate::pending::CountedUnder;
use crate::progress::{Progress, count};
use crate::queue::{Queue, Slot, SlotState};
use crate::recovery::{Unended, damaged};
use crate::schema::{self, BLOCK_BITS, intent_at, request_key};
use crate::sums::Rollup;
use crate::writer::Writing;

/// How often the files are looked at. They exist for the minutes of a handover only.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Is told what an adopted end adds to the roll-ups.
pub(crate) type Tell = dyn FnMut(Rollup) + Send;

/// A row of another process as it stands in its file, to be numbered anew.
#[derive(Debug)]
pub(crate) struct AdoptedRow {
    kind: Kind,
    row: Box<[u8]>,
}

impl AdoptedRow {
    pub(crate) fn is_intent(&self) -> bool {
        self.kind == Kind::Intent
    }

    /// The day of an intent.
    pub(crate) fn day(&self) -> Day {
        decode(&self.row).map_or(Day::of(Timestamp::UNIX_EPOCH), |(_, values)| day_of(values.slice()))
    }

    /// Writes the row with other numbers.
    pub(crate) fn renumber(&self, buffer: &mut Vec<u8>, seq: u64, entry: u64) {
        let mut decoder = Decoder(&self.row[1..]);
        let mut encoder = Encoder(buffer);
        encoder.kind(self.kind);
        let mut request_id = "";
        let mut at = 0;
        while let Some(value) = decoder.next() {
            match (self.kind, at, value) {
                (_, 0, _) => encoder.unsigned(seq),
                (_, 1, _) => encoder.unsigned(entry),
                (Kind::Intent, intent_at::REQUEST_KEY, _) => {
                    encoder.integer(request_key(request_id, seq >> BLOCK_BITS));
                }
                (_, _, Value::Null) => encoder.null(),
                (_, _, Value::Integer(value)) => encoder.integer(value),
                (_, at, Value::Text(text)) => {
                    if at == intent_at::REQUEST_ID {
                        request_id = text;
                    }
                    encoder.text(text);
                }
            }
            at += 1;
        }
    }
}

/// A request without an outcome: where its row is, what it counts under, and where it was going.
#[derive(Debug)]
struct Open {
    slot: Arc<Slot>,
    under: CountedUnder,
    planned: Planned,
}

/// One file, and how far it is adopted.
#[derive(Debug)]
struct Followed {
    path: PathBuf,
    file: File,
    offset: u64,
    link: Link,
    /// Its writer has ended.
    ended: bool,
    damaged: bool,
    /// Its requests that wait for their outcomes, by their number in it.
    open: HashMap<u64, Open>,
}

/// What the thread works on.
#[derive(Debug)]
pub(crate) struct Adoption {
    pub(crate) dir: PathBuf,
    pub(crate) queue: Arc<Queue>,
    pub(crate) writing: Arc<Writing>,
    pub(crate) progress: Arc<Progress>,
    /// The time at `started`; the thread has no clock of its own.
    pub(crate) opened_at: Timestamp,
    pub(crate) started: Instant,
    followed: Vec<Followed>,
    /// Requests of the log that other processes may still end.
    unended: HashMap<u64, Open>,
    /// Taken, and not on disk yet.
    unsettled: Vec<(Kind, Arc<Slot>)>,
    segments: HashMap<Day, Option<Connection>>,
}

impl Adoption {
    pub(crate) fn new(
        (dir, writer): (&Path, &WriterId),
        files: Vec<PathBuf>,
        unended: Vec<Unended>,
        (queue, writing, progress): (Arc<Queue>, Arc<Writing>, Arc<Progress>),
        opened_at: Timestamp,
    ) -> io::Result<Self> {
        let follow = |path: PathBuf| {
            let file = File::open(&path)?;
            let (offset, link) = (HEADER_BYTES as u64, first_link(writer));
            Ok(Followed { path, file, offset, link, ended: false, damaged: false, open: HashMap::new() })
        };
        let unended = unended.into_iter().map(|Unended { day, seq, under, planned }| {
            let slot = Arc::new(Slot::default());
            slot.assign(day, seq);
            slot.settle(SlotState::Committed);
            (seq, Open { slot, under, planned })
        });
        Ok(Self {
            dir: dir.to_owned(),
            queue,
            writing,
            progress,
            opened_at,
            started: Instant::now(),
            followed: files.into_iter().map(follow).collect::<io::Result<_>>()?,
            unended: unended.collect(),
            unsettled: Vec::new(),
            segments: HashMap::new(),
        })
    }

    /// Adopts until every writer has ended and all its rows are in the log, or until `stop` speaks or is dropped; tells
    /// of each end.
    pub(crate) fn run(mut self, stop: &Receiver<()>, tell: &mut Tell) {
        let mut failing = false;
        loop {
            match self.look(tell) {
                Ok(true) => break,
                Ok(false) => failing = false,
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::error!(%error, "rows of the process before this one stay beside the log for now");
                    }
                }
            }
            if stop.recv_timeout(LOOK_EVERY) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
        if !self.interrupt_rest() {
            return;
        }
        for followed in &self.followed {
            let removed = if followed.damaged {
                // Kept for whoever looks into it; verification tells of it.
                std::fs::rename(&followed.path, damaged(&followed.path))
            } else {
                std::fs::remove_file(&followed.path)
            };
            if let Err(error) = removed {
                tracing::error!(%error, path = %followed.path.display(), "an adopted journal cannot be removed");
            }
        }
        tracing::info!("the process before this one has ended; all its decisions are in the log");
    }

    /// Adopts what has been written; whether nothing more will be, and all of it is on disk.
    fn look(&mut self, tell: &mut Tell) -> io::Result<bool> {
        let mut followed = std::mem::take(&mut self.followed);
        let looked = followed.iter_mut().try_for_each(|file| {
            // Asked before reading: what was written before its writer ended is then read.
            file.ended = file.ended || file.file.try_lock().is_ok();
            self.adopt(file, tell)
        });
        self.followed = followed;
        self.write_queued();
        self.unsettled.retain(|(kind, slot)| match kind {
            Kind::Intent => slot.state() == SlotState::Queued,
            Kind::Outcome => !slot.has_ended(),
        });
        looked?;
        Ok(self.followed.iter().all(|file| file.ended) && self.unsettled.is_empty())
    }

    fn adopt(&mut self, from: &mut Followed, tell: &mut Tell) -> io::Result<()> {
        let mut bytes = Vec::new();
        from.file.seek(SeekFrom::Start(from.offset))?;
        from.file.read_to_end(&mut bytes)?;
        let mut left = &bytes[..];
        while let Some(record) = next_record(left).filter(|_| !from.damaged) {
            let entry = from.link.entry + 1;
            let decoded = decode(record.row).filter(|(_, values)| values[1] == Value::Integer(entry as i64));
            let sound = chained(&from.link.head, record.row) == *record.hash;
            let Some((kind, values)) = decoded.filter(|_| sound) else {
                // Of a writer that lives it may be a write under way.
                from.damaged = from.ended;
                if from.damaged {
                    tracing::error!(path = %from.path.display(), entry, "a journal beside the log is damaged");
                }
                break;
            };
            let taken = match kind {
                Kind::Intent => self.adopt_intent(from, values.slice(), record.row).map_err(io::Error::other)?,
                Kind::Outcome => self.adopt_outcome(from, values.slice(), record.row, tell),
            };
            if !taken {
                return Err(io::Error::other("the log is closed"));
            }
            from.link = Link { entry, head: *record.hash };
            from.offset += record.length as u64;
            left = &left[record.length..];
        }
        Ok(())
    }

    fn adopt_intent(&mut self, from: &mut Followed, values: &[Value<'_>], row: &[u8]) -> rusqlite::Result<bool> {
        let number = values[0].integer().unwrap_or(0) as u64;
        match self.find(values)? {
            // Taken already, and ended.
            Some((_, true)) => {}
            Some((seq, false)) => {
                if let Some(open) = self.unended.remove(&seq) {
                    from.open.insert(number, open);
                }
            }
            None => {
                let slot = Arc::new(Slot::default());
                if !self.take(&slot, AdoptedRow { kind: Kind::Intent, row: row.into() }) {
                    return Ok(false);
                }
                let (under, planned) = (CountedUnder::of_intent(values), Planned::of_intent(values));
                from.open.insert(number, Open { slot, under, planned });
            }
        }
        Ok(true)
    }

    fn adopt_outcome(&mut self, from: &mut Followed, values: &[Value<'_>], row: &[u8], tell: &mut Tell) -> bool {
        let number = values[0].integer().unwrap_or(0) as u64;
        let open = if number < FIRST_ASIDE { &mut self.unended } else { &mut from.open };
        // One whose request is not open was taken before.
        let Some(Open { slot, under, .. }) = open.remove(&number) else { return true };
        let taken = self.take(&slot, AdoptedRow { kind: Kind::Outcome, row: row.into() });
        if taken {
            tell(under.rollup_of(values));
        }
        taken
    }

    /// Whether the log took it.
    fn take(&mut self, slot: &Arc<Slot>, row: AdoptedRow) -> bool {
        let kind = row.kind;
        let taken = self.queue.push_adopted(slot, row);
        if taken {
            count(&self.progress.counters.accepted, 1);
            self.unsettled.push((kind, Arc::clone(slot)));
        }
        taken
    }

    /// The number of an intent that is in the log already, and whether it has ended.
    fn find(&mut self, values: &[Value<'_>]) -> rusqlite::Result<Option<(u64, bool)>> {
        let Value::Text(request_id) = values[intent_at::REQUEST_ID] else { return Ok(None) };
        let at = values[intent_at::AT].integer().unwrap_or(0);
        let seed = values[intent_at::SEED].integer().unwrap_or(0);
        let day = day_of(values);
        let segment = match self.segments.entry(day) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(new) => {
                let path = day.database(&self.dir);
                new.insert(path.exists().then(|| schema::open_readable(&path)).transpose()?)
            }
        };
        let Some(segment) = segment else { return Ok(None) };
        let Some(meta) = Meta::read(segment)? else { return Ok(None) };
        let mut query = segment.prepare_cached(
            "SELECT i.seq, o.seq IS NOT NULL FROM intents i LEFT JOIN outcomes o ON o.seq = i.seq \
             WHERE i.request_key = ? AND i.request_id = ? AND i.at = ? AND i.seed = ?",
        )?;
        for block in (meta.first_seq >> BLOCK_BITS..=meta.last_seq >> BLOCK_BITS).rev() {
            let key = request_key(request_id, block);
            let found = query.query_row((key, request_id, at, seed), |row| Ok((row.get(0)?, row.get(1)?)));
            if let Some(found) = found.optional()? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn write_queued(&self) {
        if self.queue.has_work() {
            self.writing.write_queued();
        }
    }

    /// Ends what nobody will end any more. Whether that is on disk, which it is not when the log is closed meanwhile.
    fn interrupt_rest(&mut self) -> bool {
        let elapsed = SignedDuration::try_from(self.started.elapsed()).unwrap_or_default();
        let at = self.opened_at + elapsed;
        let left = self.followed.iter_mut().flat_map(|file| file.open.drain()).chain(self.unended.drain());
        let mut slots = Vec::new();
        for (_, Open { slot, planned, .. }) in left {
            if self.queue.push_outcome(&slot, Box::new(interrupted(at, &planned))).is_none() {
                return false;
            }
            count(&self.progress.counters.accepted, 1);
            slots.push(slot);
        }
        if !slots.is_empty() {
            tracing::warn!(requests = slots.len(), "requests of the process before this one were interrupted");
        }
        while !slots.iter().all(|slot| slot.has_ended()) {
            self.write_queued();
            if self.queue.is_closing() {
                return false;
            }
            std::thread::park_timeout(Duration::from_millis(1));
        }
        true
    }
}

/// The day of an intent.
fn day_of(values: &[Value<'_>]) -> Day {
    let at = values[intent_at::AT].integer().unwrap_or(0);
    Day::of(Timestamp::from_microsecond(at).unwrap_or(Timestamp::UNIX_EPOCH))
}

//! The log as traffic: of each decision what a replay needs, oldest first.
//!
//! A [`crate::Decision`] owns some forty texts; a million of them would take
//! half a minute and a gigabyte. Here nothing is copied: a [`Passage`] borrows
//! its texts from SQLite's own page for the moment of the visit, and the JSON
//! columns behind them are never touched. Both tables are walked side by side
//! by sequence number, since a look-up of each outcome would cost more than
//! everything else.
//!
//! Statements are short ([`STRETCH`]): a reader that stays on an old state
//! keeps the server from deleting journals.
//!
//! What the system has let go of comes from the disk page by page, since rows lie between pages of indexes. So others
//! look at what comes next meanwhile ([`ahead`]): a disk answers several at once faster than one after the other.

mod ahead;

use std::ops::ControlFlow;
use std::thread;

use jiff::Timestamp;
use rusqlite::Row;

use self::ahead::Ahead;
use crate::day::Day;
use crate::decision::timestamp;
use crate::reader::{DISORDER, LedgerReader, Opened, ReadError};

/// Sequence numbers read by one statement.
const STRETCH: u64 = 16_384;

const INTENTS: &str = "SELECT seq, at, surface, consumer, logical_group_id, public_model, sticky_key, sticky_hit, \
     route_id, host_id, seed FROM intents WHERE seq >= ?1 AND seq < ?2 ORDER BY seq";

const OUTCOMES: &str = "SELECT seq, route_id, host_id, shadow_model, latency_us, first_output_us, input_tokens, \
     cached_input_tokens, cache_write_tokens, output_tokens FROM outcomes WHERE seq >= ?1 AND seq < ?2 ORDER BY seq";

/// Which decisions to pass by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrafficWindow {
    /// Arrived at this time or later.
    pub from: Timestamp,
    /// Arrived before this time.
    pub to: Timestamp,
    /// Of more than so many the newest.
    pub at_most: u64,
}

/// One decision, borrowed while it passes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passage<'r> {
    /// Number of the request among its writer's.
    pub seq: u64,
    /// When the request arrived.
    pub at: Timestamp,
    /// What was called.
    pub surface: &'r str,
    /// The consumer's key id; absent for an operator's action.
    pub consumer: Option<&'r str>,
    /// The logical group; empty when none was found.
    pub logical_group_id: &'r str,
    /// The model as asked for.
    pub public_model: &'r str,
    /// The binding's key.
    pub sticky_key: Option<&'r str>,
    /// Whether the plan began with a bound route.
    pub sticky_hit: bool,
    /// The route that the plan put first.
    pub planned_route_id: Option<&'r str>,
    /// Its host.
    pub planned_host_id: Option<&'r str>,
    /// The seed of the plan; 0 when nothing was planned.
    pub seed: u64,
    /// How it ended; absent when it has not, or was interrupted.
    pub end: Option<PassageEnd<'r>>,
}

/// How a decision ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassageEnd<'r> {
    /// The route finally used.
    pub route_id: Option<&'r str>,
    /// Its host.
    pub host_id: Option<&'r str>,
    /// The model on that host.
    pub shadow_model: Option<&'r str>,
    /// Arrival to end, in microseconds.
    pub latency_us: u64,
    /// Arrival to first output, in microseconds.
    pub first_output_us: Option<u64>,
    /// All input tokens.
    pub input: Option<u64>,
    /// … read from a prompt cache.
    pub cached_input: Option<u64>,
    /// … written to a prompt cache.
    pub cache_write: Option<u64>,
    /// Output tokens.
    pub output: Option<u64>,
}

/// The decisions of a window, found and counted; [`Traffic::each`] reads them.
#[derive(Debug)]
pub struct Traffic {
    reader: LedgerReader,
    window: TrafficWindow,
    /// Of each day the first sequence number and the one behind the last, oldest first.
    stretches: Vec<(Day, u64, u64)>,
    is_capped: bool,
}

/// What one statement reads: sequence numbers of a day.
#[derive(Clone, Copy, Debug)]
struct Part {
    day: Day,
    from: u64,
    to: u64,
}

impl LedgerReader {
    /// Finds the decisions of a window. What is filed later is not among them, so that a second look at the
    /// same [`Traffic`] sees the same. Blocks.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn traffic(&self, window: TrafficWindow) -> Result<Traffic, ReadError> {
        let mut stretches = Vec::new();
        let mut left = window.at_most;
        let mut is_capped = false;
        let days = self.days()?.into_iter().rev();
        for day in days.filter(|day| *day >= Day::of(window.from) && *day <= Day::of(window.to)) {
            let Some(segment) = self.segment(day)? else { continue };
            let first = segment.first_after(window.from.as_microsecond() - DISORDER)?.max(segment.meta.first_seq);
            let last = segment.first_after(window.to.as_microsecond() + DISORDER)?.min(segment.meta.last_seq + 1);
            self.put_back(segment);
            let count = last.saturating_sub(first);
            is_capped |= count > left;
            let first = last - count.min(left);
            left -= last - first;
            if last > first {
                stretches.push((day, first, last));
            }
        }
        stretches.reverse();
        Ok(Traffic { reader: self.clone(), window, stretches, is_capped })
    }
}

impl Traffic {
    /// How many there are at most: those at the edges may have arrived outside the window.
    pub fn len(&self) -> u64 {
        self.stretches.iter().map(|(_, first, last)| last - first).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.stretches.is_empty()
    }

    /// Whether older decisions of the window were left out because there are too many.
    pub fn is_capped(&self) -> bool {
        self.is_capped
    }

    /// Shows each decision to `visit`, oldest first, until that breaks. Blocks.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn each(&self, mut visit: impl FnMut(&Passage<'_>) -> ControlFlow<()>) -> Result<(), ReadError> {
        let parts: Vec<Part> = self.parts().collect();
        thread::scope(|scope| {
            let mut ahead = Ahead::start(scope, &self.reader, &parts);
            for parts in parts.chunk_by(|a, b| a.day == b.day) {
                // Retention may have been faster.
                let Some(segment) = self.reader.segment(parts[0].day)? else { continue };
                let mut flow = ControlFlow::Continue(());
                for part in parts {
                    ahead.advance();
                    flow = self.part(&segment, part, &mut visit)?;
                    if flow.is_break() {
                        break;
                    }
                }
                self.reader.put_back(segment);
                if flow.is_break() {
                    break;
                }
            }
            Ok(())
        })
    }

    /// All of it in pieces for a statement each.
    fn parts(&self) -> impl Iterator<Item = Part> {
        self.stretches.iter().flat_map(|&(day, first, last)| {
            let starts = (first..last).step_by(STRETCH as usize);
            starts.map(move |from| Part { day, from, to: (from + STRETCH).min(last) })
        })
    }

    fn part(
        &self,
        segment: &Opened,
        &Part { from, to, .. }: &Part,
        visit: &mut impl FnMut(&Passage<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, ReadError> {
        let mut intents = segment.connection.prepare_cached(INTENTS)?;
        let mut outcomes = segment.connection.prepare_cached(OUTCOMES)?;
        let mut intents = intents.query((from as i64, to as i64))?;
        let mut outcomes = outcomes.query((from as i64, to as i64))?;
        let mut outcome = outcomes.next()?;
        while let Some(row) = intents.next()? {
            let passage = passage(row)?;
            while outcome.is_some_and(|row| row.get::<_, i64>(0).is_ok_and(|seq| (seq as u64) < passage.seq)) {
                outcome = outcomes.next()?;
            }
            let end = match outcome {
                Some(row) if row.get::<_, i64>(0)? as u64 == passage.seq => Some(end(row)?),
                _ => None,
            };
            let passage = Passage { end, ..passage };
            if passage.at < self.window.from || passage.at >= self.window.to {
                continue;
            }
            if visit(&passage).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

fn passage<'r>(row: &'r Row<'_>) -> rusqlite::Result<Passage<'r>> {
    Ok(Passage {
        seq: row.get::<_, i64>(0)? as u64,
        at: timestamp(row.get(1)?),
        surface: row.get_ref(2)?.as_str()?,
        consumer: row.get_ref(3)?.as_str_or_null()?,
        logical_group_id: row.get_ref(4)?.as_str()?,
        public_model: row.get_ref(5)?.as_str()?,
        sticky_key: row.get_ref(6)?.as_str_or_null()?,
        sticky_hit: row.get(7)?,
        planned_route_id: row.get_ref(8)?.as_str_or_null()?,
        planned_host_id: row.get_ref(9)?.as_str_or_null()?,
        seed: row.get::<_, i64>(10)? as u64,
        end: None,
    })
}

fn end<'r>(row: &'r Row<'_>) -> rusqlite::Result<PassageEnd<'r>> {
    let number = |at: usize| row.get::<_, Option<i64>>(at).map(|number| number.map(|number| number as u64));
    Ok(PassageEnd {
        route_id: row.get_ref(1)?.as_str_or_null()?,
        host_id: row.get_ref(2)?.as_str_or_null()?,
        shadow_model: row.get_ref(3)?.as_str_or_null()?,
        latency_us: number(4)?.unwrap_or(0),
        first_output_us: number(5)?,
        input: number(6)?,
        cached_input: number(7)?,
        cache_write: number(8)?,
        output: number(9)?,
    })
}

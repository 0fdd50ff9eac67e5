//! A walk through one segment for a page: in windows, so that it can stop when the page's time is up.

use std::ops::Range;
use std::time::{Duration, Instant};

use rusqlite::types::Value as SqlValue;

use crate::decision::{Decision, Origin, columns};
use crate::filter::{Drive, Filter};
use crate::hours::Stretches;
use crate::reader::{DISORDER, Opened, ReadError};
use crate::schema::{BLOCK_BITS, request_key};

/// Sequence numbers looked at in one statement at first; more when that was quick.
const FIRST_WINDOW: u64 = 1_024;
/// … and at first and at most, where every row is looked at: what is not in memory takes a hundred times as long.
const ROWS_WINDOWS: [u64; 2] = [256, 1_024];
/// Rows that a page has, and sequence numbers that were looked at for it, before its time is up: a short log is told
/// whole by the slowest machine.
const FEWEST: usize = 16;
const FEWEST_LOOKED_AT: u64 = 256;

/// A walk through one segment, newest first.
pub(crate) struct Scan<'s> {
    pub(crate) segment: &'s Opened,
    pub(crate) origin: &'s Origin<'s>,
    pub(crate) filter: &'s Filter,
    pub(crate) limit: usize,
    pub(crate) started: Instant,
    /// The page is returned with what it has after this time.
    pub(crate) patience: Duration,
}

impl Scan<'_> {
    /// Adds what matches below `before`; returns where to go on, or `None` when the segment is done.
    pub(crate) fn run(&self, before: u64, items: &mut Vec<Decision>) -> Result<Option<u64>, ReadError> {
        if let Some(request_id) = &self.filter.request_id {
            return self.by_request(request_id, before, items);
        }
        let mut before = before.min(self.segment.meta.last_seq + 1);
        let mut lowest = self.segment.meta.first_seq;
        if let Some(to) = self.filter.to {
            before = before.min(self.segment.first_after(to.as_microsecond() + DISORDER)?);
        }
        if let Some(from) = self.filter.from {
            lowest = lowest.max(self.segment.first_after(from.as_microsecond() - DISORDER)?);
        }
        let (condition, parameters) = self.filter.condition(self.origin.without_outcome);
        let drive = self.filter.drive();
        let seq = drive.seq();
        let block =
            if drive.is_by_block() { format!("AND {seq} >> {BLOCK_BITS} = ?1 >> {BLOCK_BITS}") } else { String::new() };
        let sql = format!(
            "SELECT {} {} WHERE {condition} {block} AND {seq} >= ?1 AND {seq} < ?2 ORDER BY {seq} DESC LIMIT ?3",
            columns(),
            drive.source(),
        );
        let mut statement = self.segment.connection.prepare_cached(&sql)?;
        let [mut window, longest] = if drive == Drive::Rows { ROWS_WINDOWS } else { [FIRST_WINDOW, u64::MAX] };
        let mut stretches = Stretches::of(self.segment, self.filter, lowest..before)?;
        let mut looked_at = 0;
        while let Some(Range { start, end: mut before }) = stretches.next()? {
            while before > start {
                let mut bottom = before.saturating_sub(window).max(start);
                if drive.is_by_block() {
                    bottom = bottom.max((before - 1) >> BLOCK_BITS << BLOCK_BITS);
                }
                let room = self.limit - items.len();
                let bounds = [bottom as i64, before as i64, room as i64].map(SqlValue::Integer);
                let began = Instant::now();
                let mut rows = statement.query(rusqlite::params_from_iter(bounds.iter().chain(&parameters)))?;
                while let Some(row) = rows.next()? {
                    items.push(Decision::from_row(row, self.origin)?);
                    // Each may be on a page that only the disk has.
                    if items.len() >= self.limit || (items.len() >= FEWEST && self.is_late()) {
                        return Ok(items.last().map(|last| last.key(self.origin).1));
                    }
                }
                looked_at += before - bottom;
                before = bottom;
                if before > lowest && looked_at >= FEWEST_LOOKED_AT && self.is_late() {
                    return Ok(Some(before));
                }
                window = next_window(window, began.elapsed(), self.patience.saturating_sub(self.started.elapsed()));
                window = window.min(longest);
            }
        }
        Ok(None)
    }

    fn is_late(&self) -> bool {
        self.started.elapsed() >= self.patience
    }

    /// The same for one request id: asks its index block by block.
    pub(crate) fn by_request(
        &self,
        request_id: &str,
        before: u64,
        items: &mut Vec<Decision>,
    ) -> Result<Option<u64>, ReadError> {
        let before = before.min(self.segment.meta.last_seq + 1);
        self.by_request_between(request_id, self.segment.meta.first_seq, before, items)
    }

    pub(crate) fn by_request_between(
        &self,
        request_id: &str,
        first: u64,
        before: u64,
        items: &mut Vec<Decision>,
    ) -> Result<Option<u64>, ReadError> {
        let connection = &self.segment.connection;
        let mut index = connection.prepare_cached(
            "SELECT seq FROM intents INDEXED BY intents_by_request \
             WHERE request_key = ?1 AND request_id = ?2 AND seq < ?3 ORDER BY seq DESC",
        )?;
        let (condition, parameters) = self.filter.condition(self.origin.without_outcome);
        let source = Drive::Rows.source();
        let sql = format!("SELECT {} {source} WHERE {condition} AND i.seq IN (?1, ?2, ?3)", columns());
        let mut decision = connection.prepare_cached(&sql)?;
        let blocks = (first >> BLOCK_BITS)..=(before.saturating_sub(1) >> BLOCK_BITS);
        for block in blocks.rev() {
            let mut found = index.query((request_key(request_id, block), request_id, before as i64))?;
            while let Some(row) = found.next()? {
                let seq = [row.get::<_, i64>(0)?; 3].map(SqlValue::Integer);
                let mut rows = decision.query(rusqlite::params_from_iter(seq.iter().chain(&parameters)))?;
                while let Some(row) = rows.next()? {
                    items.push(Decision::from_row(row, self.origin)?);
                }
                if items.len() >= self.limit {
                    return Ok(items.last().map(|last| last.seq));
                }
            }
        }
        Ok(None)
    }
}

/// How far to look next: at most twice as far, and only as far as half of the time left should do.
fn next_window(window: u64, took: Duration, left: Duration) -> u64 {
    let affordable = window as f64 * left.as_secs_f64() / (2.0 * took.as_secs_f64().max(1e-6));
    window.saturating_mul(2).min(affordable as u64).max(FIRST_WINDOW / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_window_is_followed_by_a_smaller_one() {
        let ms = Duration::from_millis;
        assert_eq!(next_window(2_048, ms(1), ms(19)), 4_096);
        assert_eq!(next_window(8_192, ms(10), ms(10)), 4_096);
        assert_eq!(next_window(8_192, ms(20), ms(0)), FIRST_WINDOW / 4);
    }
}

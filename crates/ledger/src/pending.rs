//! Roll-ups of filed rows that are not in the table yet.

use rusqlite::{Connection, Statement};
use rustc_hash::FxHashMap;

use crate::codec::{Decoder, Encoder, Value};
use crate::rollup::{LATENCY_MAX, RollupSums, SUMS};
use crate::schema::outcome_at;

/// Microseconds of an hour.
const HOUR: i64 = 3_600_000_000;

/// Columns of a roll-up's primary key: the hour, and five texts.
const KEY_COLUMNS: usize = 6;

/// What an intent is counted under, as canonical bytes: the head of the primary key of its roll-up.
///
/// One piece of memory, since thousands of consumers in turn find none of theirs in a processor's cache.
#[derive(Debug)]
pub(crate) struct CountedUnder(Box<[u8]>);

impl CountedUnder {
    /// `at`: when the request arrived, in microseconds.
    pub(crate) fn new(at: i64, consumer: &str, group: &str, model: &str) -> Self {
        let texts = [consumer, group, model];
        let mut bytes =
            Vec::with_capacity(Encoder::INTEGER_BYTES + texts.map(Encoder::text_bytes).iter().sum::<usize>());
        let mut key = Encoder(&mut bytes);
        key.integer(at - at.rem_euclid(HOUR));
        for text in texts {
            key.text(text);
        }
        Self(bytes.into_boxed_slice())
    }
}

/// Roll-ups that the table lacks.
///
/// With thousands of consumers nearly every request has a row of its own there, which costs as much as
/// filing it. So they may be kept for some transactions ([`Pending::is_worth_writing`]); the segment's own row says how
/// far the table has come, and a start counts the rest again.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    /// By the primary key's canonical bytes.
    rows: FxHashMap<Box<[u8]>, RollupSums>,
    requests: usize,
    key: Vec<u8>,
}

impl Pending {
    /// Requests for each row written, when there are many rows.
    const REQUESTS_A_ROW: usize = 16;
    /// Rows that are few enough to be written at any time.
    const FEW_ROWS: usize = 256;
    /// Rows kept in memory at most: some 4 MiB.
    const MOST_ROWS: usize = 16_384;

    /// Counts an outcome under what its intent said.
    pub(crate) fn add(&mut self, under: &CountedUnder, outcome: &[Value<'_>]) {
        self.key.clear();
        self.key.extend_from_slice(&under.0);
        let mut key = Encoder(&mut self.key);
        key.text(outcome[outcome_at::ROUTE].text());
        key.text(outcome[outcome_at::HOST].text());
        match self.rows.get_mut(&*self.key) {
            Some(sums) => sums.add_outcome(outcome),
            None => self.rows.entry(self.key.as_slice().into()).or_default().add_outcome(outcome),
        }
        self.requests += 1;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether writing now costs little for each request, or memory wants it.
    pub(crate) fn is_worth_writing(&self) -> bool {
        let rows = self.rows.len();
        rows <= Self::FEW_ROWS || self.requests >= rows * Self::REQUESTS_A_ROW || rows >= Self::MOST_ROWS
    }

    /// Adds what is pending to the segment's table, and forgets it.
    pub(crate) fn write(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        let mut statement = connection.prepare_cached(&upsert())?;
        for (key, sums) in self.rows.drain() {
            write_row(&mut statement, &key, &sums)?;
        }
        self.requests = 0;
        Ok(())
    }
}

fn write_row(statement: &mut Statement<'_>, key: &[u8], sums: &RollupSums) -> rusqlite::Result<()> {
    let mut key = Decoder(key);
    for at in 1..=KEY_COLUMNS {
        match key.next() {
            Some(Value::Integer(hour)) => statement.raw_bind_parameter(at, hour)?,
            text => statement.raw_bind_parameter(at, text.map_or("", Value::text))?,
        }
    }
    for (at, sum) in sums.values().into_iter().enumerate() {
        statement.raw_bind_parameter(at + 1 + KEY_COLUMNS, sum)?;
    }
    statement.raw_execute().map(drop)
}

fn upsert() -> String {
    let marks = vec!["?"; SUMS.len() + KEY_COLUMNS].join(", ");
    let updates: Vec<String> = SUMS
        .iter()
        .enumerate()
        .map(|(at, column)| match at {
            LATENCY_MAX => format!("{column} = max({column}, excluded.{column})"),
            _ => format!("{column} = {column} + excluded.{column}"),
        })
        .collect();
    format!("INSERT INTO rollups VALUES ({marks}) ON CONFLICT DO UPDATE SET {}", updates.join(", "))
}

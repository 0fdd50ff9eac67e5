//! Roll-ups of filed rows that are not in the table yet.

use std::time::{Duration, Instant};

use rusqlite::{Connection, Statement};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::codec::{Decoder, Encoder, Value};
use crate::decision::timestamp;
use crate::rollup::{Dimension, HOUR, LATENCY_MAX, RollupSums, SUMS};
use crate::schema::{intent_at, outcome_at};
use crate::sums::Rollup;

/// Columns of a roll-up's primary key: the hour, and a text for each dimension.
const KEY_COLUMNS: usize = 1 + Dimension::ALL.len();

/// Columns of a marginal's primary key: the dimension, the hour, and the text.
const MARGINAL_KEY_COLUMNS: usize = 3;

/// What an intent is counted under, as canonical bytes: the head of the primary key of its roll-up.
///
/// One piece of memory, since thousands of consumers in turn find none of theirs in a processor's cache.
#[derive(Clone, Debug)]
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

    /// What an intent is counted under.
    pub(crate) fn of_intent(values: &[Value<'_>]) -> Self {
        let text = |at: usize| values[at].text();
        let at = values[intent_at::AT].integer().unwrap_or(0);
        Self::new(at, text(intent_at::CONSUMER), text(intent_at::GROUP), text(intent_at::MODEL))
    }

    /// The roll-up of an outcome alone.
    pub(crate) fn rollup_of(&self, outcome: &[Value<'_>]) -> Rollup {
        let mut key = Decoder(&self.0);
        let hour = timestamp(key.next().and_then(Value::integer).unwrap_or(0));
        let [consumer, logical_group_id, public_model] =
            std::array::from_fn(|_| key.next().map_or("", Value::text).to_owned());
        let text = |at: usize| outcome[at].text().to_owned();
        let (route_id, host_id) = (text(outcome_at::ROUTE), text(outcome_at::HOST));
        let mut sums = RollupSums::default();
        sums.add_outcome(outcome);
        Rollup { hour, consumer, logical_group_id, public_model, route_id, host_id, sums }
    }
}

/// Roll-ups that the table lacks.
///
/// With thousands of consumers nearly every request has a row of its own there, which costs as much as
/// filing it. So they may be kept for a minute ([`Pending::is_worth_writing`]); the segment's own row says how
/// far the table has come, and a start counts the rest again.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    /// By the primary key's canonical bytes, which lie beside the sums unless they are long.
    rows: FxHashMap<SmallVec<[u8; 96]>, RollupSums>,
    requests: usize,
    /// When the first of them was counted.
    pub(crate) since: Option<Instant>,
    key: Vec<u8>,
}

impl Pending {
    /// Requests for each row written, when there are many rows.
    const REQUESTS_A_ROW: usize = 32;
    /// Rows that are few enough to be written at any time.
    const FEW_ROWS: usize = 256;
    /// Rows kept in memory at most: some 10 MiB.
    const MOST_ROWS: usize = 16_384;
    /// How long they are kept at most while rows come: sums of hours that are over are remembered by who reads them.
    pub(crate) const LONGEST: Duration = Duration::from_mins(1);

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
        self.since.get_or_insert_with(Instant::now);
    }

    /// Whether writing now costs little for each request, or memory or whoever reads wants it.
    pub(crate) fn is_worth_writing(&self) -> bool {
        let rows = self.rows.len();
        rows <= Self::FEW_ROWS
            || self.requests >= rows * Self::REQUESTS_A_ROW
            || rows >= Self::MOST_ROWS
            || self.since.is_some_and(|since| since.elapsed() >= Self::LONGEST)
    }

    /// Adds what is pending to the segment's tables, and forgets it; `false` when there was enough before all of it
    /// was added, so that what was must be taken back.
    pub(crate) fn write(&mut self, connection: &Connection, is_enough: &impl Fn() -> bool) -> rusqlite::Result<bool> {
        let mut rollups = connection.prepare_cached(&upsert("rollups", KEY_COLUMNS))?;
        // Nearly in the order of the tables, so that neighbors are written one after the other.
        let mut marginals: FxHashMap<(Dimension, i64, &str), RollupSums> = FxHashMap::default();
        for (key, sums) in sorted(&self.rows) {
            if is_enough() {
                return Ok(false);
            }
            let (hour, texts) = parts(key);
            rollups.raw_bind_parameter(1, hour)?;
            for (at, text) in (2..).zip(texts) {
                rollups.raw_bind_parameter(at, text)?;
            }
            add(&mut rollups, KEY_COLUMNS, sums)?;
            for (dimension, text) in Dimension::ALL.into_iter().zip(texts) {
                marginals.entry((dimension, hour, text)).or_default().add(sums);
            }
        }
        let mut statement = connection.prepare_cached(&upsert("marginals", MARGINAL_KEY_COLUMNS))?;
        for ((dimension, hour, value), sums) in sorted(&marginals) {
            if is_enough() {
                return Ok(false);
            }
            statement.raw_bind_parameter(1, *dimension as i64)?;
            statement.raw_bind_parameter(2, hour)?;
            statement.raw_bind_parameter(3, value)?;
            add(&mut statement, MARGINAL_KEY_COLUMNS, sums)?;
        }
        self.rows.clear();
        (self.requests, self.since) = (0, None);
        Ok(true)
    }
}

/// The rows of a map by their keys.
fn sorted<K: Ord>(rows: &FxHashMap<K, RollupSums>) -> Vec<(&K, &RollupSums)> {
    let mut rows: Vec<_> = rows.iter().collect();
    rows.sort_unstable_by_key(|(key, _)| *key);
    rows
}

/// The hour of a key, and its texts in the order of [`Dimension::ALL`].
fn parts(key: &[u8]) -> (i64, [&str; Dimension::ALL.len()]) {
    let mut key = Decoder(key);
    let hour = key.next().and_then(Value::integer).unwrap_or(0);
    (hour, std::array::from_fn(|_| key.next().map_or("", Value::text)))
}

/// Binds the sums behind `keys` values, and adds them to the row of those.
fn add(statement: &mut Statement<'_>, keys: usize, sums: &RollupSums) -> rusqlite::Result<()> {
    for (at, sum) in (keys + 1..).zip(sums.values()) {
        statement.raw_bind_parameter(at, sum)?;
    }
    statement.raw_execute().map(drop)
}

/// A sum beyond what an integer holds is a fraction in SQLite, which the tables refuse; the cast makes it the largest integer.
fn upsert(table: &str, keys: usize) -> String {
    let marks = vec!["?"; SUMS.len() + keys].join(", ");
    let updates: Vec<String> = SUMS
        .iter()
        .enumerate()
        .map(|(at, column)| match at {
            LATENCY_MAX => format!("{column} = max({column}, excluded.{column})"),
            _ => format!("{column} = CAST({column} + excluded.{column} AS INTEGER)"),
        })
        .collect();
    format!("INSERT INTO {table} VALUES ({marks}) ON CONFLICT DO UPDATE SET {}", updates.join(", "))
}

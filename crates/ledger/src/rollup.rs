//! Hourly roll-ups: what is left of a request when its segment is deleted.

use std::hash::BuildHasher as _;
use std::sync::Arc;

use rusqlite::{Connection, Statement};
use rustc_hash::{FxBuildHasher, FxHashMap};
use serde::Serialize;

use crate::codec::Value;
use crate::schema::outcome_at;

/// Microseconds of an hour.
pub(crate) const HOUR: i64 = 3_600_000_000;

/// What an intent is counted under.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Dimensions {
    pub(crate) consumer: String,
    pub(crate) group: String,
    pub(crate) model: String,
}

/// Distinct dimensions remembered; beyond it they are forgotten and found again.
const KNOWN_DIMENSIONS: usize = 16_384;

/// The dimensions seen lately, so that a row of a known consumer allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct KnownDimensions(FxHashMap<u64, Arc<Dimensions>>);

impl KnownDimensions {
    pub(crate) fn find(&mut self, consumer: &str, group: &str, model: &str) -> Arc<Dimensions> {
        let hash = FxBuildHasher.hash_one((consumer, group, model));
        if let Some(found) = self.0.get(&hash)
            && (&*found.consumer, &*found.group, &*found.model) == (consumer, group, model)
        {
            return Arc::clone(found);
        }
        if self.0.len() >= KNOWN_DIMENSIONS {
            self.0.clear();
        }
        let dimensions =
            Arc::new(Dimensions { consumer: consumer.to_owned(), group: group.to_owned(), model: model.to_owned() });
        self.0.insert(hash, Arc::clone(&dimensions));
        dimensions
    }
}

/// The sums' columns, in order; all are added up but the maximum.
pub(crate) const SUMS: [&str; 23] = [
    "requests",
    "complete",
    "resolved",
    "failed",
    "cut",
    "client_gone",
    "interrupted",
    "latency_us_sum",
    "latency_us_max",
    "first_output_us_sum",
    "first_output_count",
    "request_bytes",
    "response_bytes",
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "priced",
    "with_usage",
    "price_nanos",
    "cost_nanos",
    "cache_saved_nanos",
];
const LATENCY_MAX: usize = 8;

/// The counts and sums of one group of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RollupSums {
    /// Requests that have ended.
    pub requests: i64,
    /// … with a whole answer.
    pub complete: i64,
    /// … that only asked for a route.
    pub resolved: i64,
    /// … answered with an error.
    pub failed: i64,
    /// … cut after output had begun: truncated, gone idle, or an error inside the stream.
    pub cut: i64,
    /// … whose client went away.
    pub client_gone: i64,
    /// … that the process did not live to end.
    pub interrupted: i64,
    /// Sum of latencies, in microseconds.
    pub latency_us_sum: i64,
    /// Longest latency, in microseconds.
    pub latency_us_max: i64,
    /// Sum of the times to first output, in microseconds.
    pub first_output_us_sum: i64,
    /// Requests that had a first output.
    pub first_output_count: i64,
    /// Bytes of requests' bodies.
    pub request_bytes: i64,
    /// Bytes of answers' bodies.
    pub response_bytes: i64,
    /// Input tokens.
    pub input_tokens: i64,
    /// Input tokens read from caches.
    pub cached_input_tokens: i64,
    /// Input tokens written to caches.
    pub cache_write_tokens: i64,
    /// Output tokens.
    pub output_tokens: i64,
    /// Reasoning tokens.
    pub reasoning_tokens: i64,
    /// Requests whose price is known.
    pub priced: i64,
    /// Requests whose host told its usage, or some of it.
    pub with_usage: i64,
    /// What consumers pay, in billionths of the currency unit.
    pub price_nanos: i64,
    /// What hosts take, likewise.
    pub cost_nanos: i64,
    /// How much more that would have been without hosts' prompt caches, likewise.
    pub cache_saved_nanos: i64,
}

impl RollupSums {
    /// Adds another group's sums; of the longest latency the longer one stays.
    pub fn add(&mut self, other: &Self) {
        let (mut sums, others) = (self.values(), other.values());
        for (at, (sum, other)) in sums.iter_mut().zip(others).enumerate() {
            *sum = if at == LATENCY_MAX { (*sum).max(other) } else { sum.saturating_add(other) };
        }
        *self = Self::from_values(&sums);
    }

    /// The sums in the order of [`SUMS`].
    pub(crate) fn values(&self) -> [i64; SUMS.len()] {
        [
            self.requests,
            self.complete,
            self.resolved,
            self.failed,
            self.cut,
            self.client_gone,
            self.interrupted,
            self.latency_us_sum,
            self.latency_us_max,
            self.first_output_us_sum,
            self.first_output_count,
            self.request_bytes,
            self.response_bytes,
            self.input_tokens,
            self.cached_input_tokens,
            self.cache_write_tokens,
            self.output_tokens,
            self.reasoning_tokens,
            self.priced,
            self.with_usage,
            self.price_nanos,
            self.cost_nanos,
            self.cache_saved_nanos,
        ]
    }

    pub(crate) fn from_values(values: &[i64; SUMS.len()]) -> Self {
        let [
            requests,
            complete,
            resolved,
            failed,
            cut,
            client_gone,
            interrupted,
            latency_us_sum,
            latency_us_max,
            first_output_us_sum,
            first_output_count,
            request_bytes,
            response_bytes,
            input_tokens,
            cached_input_tokens,
            cache_write_tokens,
            output_tokens,
            reasoning_tokens,
            priced,
            with_usage,
            price_nanos,
            cost_nanos,
            cache_saved_nanos,
        ] = *values;
        Self {
            requests,
            complete,
            resolved,
            failed,
            cut,
            client_gone,
            interrupted,
            latency_us_sum,
            latency_us_max,
            first_output_us_sum,
            first_output_count,
            request_bytes,
            response_bytes,
            input_tokens,
            cached_input_tokens,
            cache_write_tokens,
            output_tokens,
            reasoning_tokens,
            priced,
            with_usage,
            price_nanos,
            cost_nanos,
            cache_saved_nanos,
        }
    }

    fn add_outcome(&mut self, values: &[Value<'_>]) {
        let number = |at: usize| values[at].integer().unwrap_or(0);
        self.requests += 1;
        if let Value::Text(verdict) = values[outcome_at::VERDICT] {
            match verdict {
                "complete" => self.complete += 1,
                "resolved" => self.resolved += 1,
                "client_gone" => self.client_gone += 1,
                "interrupted" => self.interrupted += 1,
                "failed" => self.failed += 1,
                _ => self.cut += 1,
            }
        }
        let latency = number(outcome_at::LATENCY);
        self.latency_us_sum += latency;
        self.latency_us_max = self.latency_us_max.max(latency);
        if let Some(first) = values[outcome_at::FIRST_OUTPUT].integer() {
            self.first_output_us_sum += first;
            self.first_output_count += 1;
        }
        self.request_bytes += number(outcome_at::REQUEST_BYTES);
        self.response_bytes += number(outcome_at::RESPONSE_BYTES);
        self.input_tokens += number(outcome_at::FIRST_TOKENS);
        self.cached_input_tokens += number(outcome_at::FIRST_TOKENS + 1);
        self.cache_write_tokens += number(outcome_at::FIRST_TOKENS + 2);
        self.output_tokens += number(outcome_at::FIRST_TOKENS + 3);
        self.reasoning_tokens += number(outcome_at::FIRST_TOKENS + 4);
        self.priced += i64::from(values[outcome_at::FIRST_MONEY] != Value::Null);
        self.with_usage += i64::from(values[outcome_at::PROVENANCE] != Value::Null);
        self.price_nanos += number(outcome_at::FIRST_MONEY);
        self.cost_nanos += number(outcome_at::FIRST_MONEY + 1);
        self.cache_saved_nanos += number(outcome_at::FIRST_MONEY + 2);
    }
}

/// The sums of one route on one host.
#[derive(Debug)]
struct OfRoute {
    route: Box<str>,
    host: Box<str>,
    sums: RollupSums,
}

/// Roll-ups of filed rows that are not in the table yet.
///
/// With thousands of consumers nearly every request has a row of its own there, which costs as much as
/// filing it. So they may be kept for some transactions ([`Pending::is_worth_writing`]); the segment's own row says how
/// far the table has come, and a start counts the rest again.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    sums: FxHashMap<(i64, Arc<Dimensions>), Vec<OfRoute>>,
    rows: usize,
    requests: usize,
}

impl Pending {
    /// Requests for each row written, when there are many rows.
    const REQUESTS_A_ROW: usize = 16;
    /// Rows that are few enough to be written at any time.
    const FEW_ROWS: usize = 256;
    /// Rows kept in memory at most: some 4 MiB.
    const MOST_ROWS: usize = 16_384;

    /// Counts an outcome under the hour and dimensions of its intent.
    pub(crate) fn add(&mut self, hour: i64, dimensions: &Arc<Dimensions>, outcome: &[Value<'_>]) {
        let (route, host) = (outcome[outcome_at::ROUTE].text(), outcome[outcome_at::HOST].text());
        let routes = self.sums.entry((hour, Arc::clone(dimensions))).or_default();
        let place = routes.iter().position(|of| (&*of.route, &*of.host) == (route, host)).unwrap_or_else(|| {
            self.rows += 1;
            routes.push(OfRoute { route: route.into(), host: host.into(), sums: RollupSums::default() });
            routes.len() - 1
        });
        routes[place].sums.add_outcome(outcome);
        self.requests += 1;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Whether writing now costs little for each request, or memory wants it.
    pub(crate) fn is_worth_writing(&self) -> bool {
        self.rows <= Self::FEW_ROWS || self.requests >= self.rows * Self::REQUESTS_A_ROW || self.rows >= Self::MOST_ROWS
    }

    /// Adds what is pending to the segment's table, and forgets it.
    pub(crate) fn write(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        let mut statement = connection.prepare_cached(&upsert())?;
        for ((hour, dimensions), routes) in self.sums.drain() {
            for of_route in routes {
                write_row(&mut statement, hour, &dimensions, &of_route)?;
            }
        }
        (self.rows, self.requests) = (0, 0);
        Ok(())
    }
}

fn write_row(
    statement: &mut Statement<'_>,
    hour: i64,
    dimensions: &Dimensions,
    of_route: &OfRoute,
) -> rusqlite::Result<()> {
    let texts = [&*dimensions.consumer, &*dimensions.group, &*dimensions.model, &*of_route.route, &*of_route.host];
    statement.raw_bind_parameter(1, hour)?;
    for (at, text) in texts.into_iter().enumerate() {
        statement.raw_bind_parameter(at + 2, text)?;
    }
    for (at, sum) in of_route.sums.values().into_iter().enumerate() {
        statement.raw_bind_parameter(at + 2 + texts.len(), sum)?;
    }
    statement.raw_execute().map(drop)
}

fn upsert() -> String {
    let marks = vec!["?"; SUMS.len() + 6].join(", ");
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

//! Hourly roll-ups: what is left of a request when its segment is deleted.

use serde::Serialize;

use crate::codec::Value;
use crate::schema::outcome_at;

/// Microseconds of an hour.
pub(crate) const HOUR: i64 = 3_600_000_000;

/// What requests may differ in, other than time: what sums are asked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    /// The key.
    Consumer = 0,
    /// The logical group.
    Group = 1,
    /// The model as asked for.
    Model = 2,
    /// The route finally used.
    Route = 3,
    /// Its host.
    Host = 4,
}

impl Dimension {
    /// All of them, in the order of the primary key of the roll-ups.
    pub(crate) const ALL: [Self; 5] = [Self::Consumer, Self::Group, Self::Model, Self::Route, Self::Host];

    /// Its column in the roll-ups.
    pub(crate) fn column(self) -> &'static str {
        match self {
            Self::Consumer => "consumer",
            Self::Group => "logical_group_id",
            Self::Model => "public_model",
            Self::Route => "route_id",
            Self::Host => "host_id",
        }
    }
}

/// The sums' columns, in order; all are added up but the maximum.
pub(crate) const SUMS: [&str; 24] = [
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
    "refused",
];
pub(crate) const LATENCY_MAX: usize = 8;
/// From here on they are of what hosts tell, which may be any number.
pub(crate) const FIRST_TOLD: usize = 13;

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
    /// Requests of which there is a usage: what their hosts told of it, or an estimate.
    pub with_usage: i64,
    /// What consumers pay, in billionths of the currency unit.
    pub price_nanos: i64,
    /// What hosts take, likewise.
    pub cost_nanos: i64,
    /// How much more that would have been without hosts' prompt caches, likewise.
    pub cache_saved_nanos: i64,
    /// Of those that failed, how many failed by themselves ([`is_refusal`]): the request was wrong, or over a limit
    /// of its key or group. They say nothing of whether others are served. Not known before schema 4.
    pub refused: i64,
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

    /// What is left when a part of it is taken away, at least nothing; the longest latency stays.
    #[must_use]
    pub fn without(&self, part: &Self) -> Self {
        let mut left = self.values();
        for (at, part) in part.values().into_iter().enumerate().filter(|(at, _)| *at != LATENCY_MAX) {
            left[at] = left[at].saturating_sub(part).max(0);
        }
        Self::from_values(&left)
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
            self.refused,
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
            refused,
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
            refused,
        }
    }

    /// Counts a request's end. What hosts tell may be any number: no sum goes beyond what an integer holds.
    pub(crate) fn add_outcome(&mut self, values: &[Value<'_>]) {
        let number = |at: usize| values[at].integer().unwrap_or(0);
        let add = |sum: &mut i64, at: usize| *sum = sum.saturating_add(number(at));
        self.requests += 1;
        if let Value::Text(verdict) = values[outcome_at::VERDICT] {
            match verdict {
                "complete" => self.complete += 1,
                "resolved" => self.resolved += 1,
                "client_gone" => self.client_gone += 1,
                "interrupted" => self.interrupted += 1,
                "failed" => {
                    self.failed += 1;
                    let class = values[outcome_at::CLASS].text();
                    self.refused += i64::from(is_refusal(number(outcome_at::CLIENT_STATUS), Some(class)));
                }
                _ => self.cut += 1,
            }
        }
        add(&mut self.latency_us_sum, outcome_at::LATENCY);
        self.latency_us_max = self.latency_us_max.max(number(outcome_at::LATENCY));
        add(&mut self.first_output_us_sum, outcome_at::FIRST_OUTPUT);
        self.first_output_count += i64::from(values[outcome_at::FIRST_OUTPUT] != Value::Null);
        add(&mut self.request_bytes, outcome_at::REQUEST_BYTES);
        add(&mut self.response_bytes, outcome_at::RESPONSE_BYTES);
        add(&mut self.input_tokens, outcome_at::FIRST_TOKENS);
        add(&mut self.cached_input_tokens, outcome_at::FIRST_TOKENS + 1);
        add(&mut self.cache_write_tokens, outcome_at::FIRST_TOKENS + 2);
        add(&mut self.output_tokens, outcome_at::FIRST_TOKENS + 3);
        add(&mut self.reasoning_tokens, outcome_at::FIRST_TOKENS + 4);
        self.priced += i64::from(values[outcome_at::FIRST_MONEY] != Value::Null);
        self.with_usage += i64::from(values[outcome_at::PROVENANCE] != Value::Null);
        add(&mut self.price_nanos, outcome_at::FIRST_MONEY);
        add(&mut self.cost_nanos, outcome_at::FIRST_MONEY + 1);
        add(&mut self.cache_saved_nanos, outcome_at::FIRST_MONEY + 2);
    }
}

/// Whether a request that failed would have failed on any host. What a host said is told by its class (spec §5):
/// only `gateway_<status>` of a 4xx may blame the request, and a 404 or 405 says that the host lacks what its route
/// promises, whatever status the client got. A `gateway_403` may be either and is taken for a refused content. What was said
/// here is told by the status.
pub fn is_refusal(client_status: i64, class: Option<&str>) -> bool {
    let is_clients = |status: i64| (400..500).contains(&status);
    match class.and_then(|class| class.strip_prefix("gateway_")) {
        Some("404" | "405" | "429" | "499") => false,
        Some(status) => status.parse().is_ok_and(is_clients),
        None => is_clients(client_status),
    }
}

//! The families of the data plane, in the order of `/metrics`.

use relay_metrics::{Definition, Kind};

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Definition {
    Definition { name, kind: Kind::Counter, labels, help }
}

const fn gauge(name: &'static str, help: &'static str) -> Definition {
    Definition { name, kind: Kind::Gauge, labels: &[], help }
}

const fn histogram(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Definition {
    Definition { name, kind: Kind::Histogram, labels, help }
}

pub(super) static REQUESTS: Definition = counter(
    "relay_requests_total",
    &["surface", "verdict", "class"],
    "Requests with a decision that have ended, by how they ended and the class of the error.",
);
pub(super) static DURATION: Definition =
    histogram("relay_request_duration_seconds", &["surface"], "From a request's arrival to the end of its answer.");
pub(super) static FIRST_OUTPUT: Definition = histogram(
    "relay_time_to_first_output_seconds",
    &["surface"],
    "From a request's arrival to the first real output of a host (TTFT), failed attempts before it included.",
);
pub(super) static OVERHEAD: Definition = histogram(
    "relay_overhead_seconds",
    &[],
    "Our own part of the time to the first output: all that was not waiting for a host.",
);
pub(super) static STICKY: Definition = counter(
    "relay_sticky_total",
    &["action"],
    "Served requests by what became of the binding: hit, bind (made), rebind (moved), borrow (another once), none.",
);
pub(super) static REFUSALS: Definition = counter(
    "relay_refusals_total",
    &["code"],
    "Requests refused before a host was tried, by the code of the error that the client got.",
);
pub(super) static ATTEMPTS: Definition = counter(
    "relay_attempts_total",
    &["host", "end", "class"],
    "Tries at a host, by how they ended (not_sent, refused, maybe_executed, answered) and the class of the error.",
);
pub(super) static ATTEMPT_DURATION: Definition = histogram(
    "relay_attempt_duration_seconds",
    &["host"],
    "From the beginning of an attempt to its first output or failure.",
);
pub(super) static COST: Definition = counter(
    "relay_cost_total",
    &["host"],
    "What hosts take for the tokens used, in units of the price table's currency.",
);
pub(super) static TOKENS: Definition = counter(
    "relay_tokens_total",
    &["group", "kind"],
    "Tokens as hosts counted them; cached_input and cache_write are parts of input, reasoning is part of output.",
);
pub(super) static PRICE: Definition = counter(
    "relay_price_total",
    &["group"],
    "What consumers pay for the tokens used, in units of the price table's currency.",
);
pub(super) static FALLBACKS: Definition = counter(
    "relay_fallbacks_total",
    &[],
    "Requests served neither by the best tier nor by the bound route, because those were not eligible.",
);
pub(super) static PANICS: Definition =
    counter("relay_panic_requests_total", &[], "Requests let through although every route was left alone.");
pub(super) static DOUBLE_BILLS: Definition = counter(
    "relay_possible_double_bills_total",
    &[],
    "Requests retried after an attempt that a host may have executed.",
);
pub(super) static UNPRICED: Definition =
    counter("relay_unpriced_total", &[], "Requests whose tokens are known and whose model has no price in the table.");
pub(super) static REQUEST_BYTES: Definition =
    counter("relay_request_body_bytes_total", &[], "Bytes of request bodies with a decision.");
pub(super) static RESPONSE_BYTES: Definition =
    counter("relay_response_body_bytes_total", &[], "Bytes of answer bodies sent to clients.");
pub(super) static TURNED_AWAY: Definition =
    counter("relay_connections_turned_away_total", &[], "Connections beyond gateway.max_connections.");
pub(super) static IN_FLIGHT: Definition =
    gauge("relay_requests_in_flight", "Requests admitted and not yet answered whole.");
pub(super) static RETRIES_IN_FLIGHT: Definition =
    gauge("relay_retries_in_flight", "Retries that hold a place of the retry budget.");
pub(super) static RETRIES_REFUSED: Definition = counter(
    "relay_retry_budget_exhausted_total",
    &[],
    "Retries not made because the retry budget had no place in time.",
);
pub(super) static CONNECTIONS: Definition = gauge("relay_connections", "Open client connections.");
pub(super) static CONNECTIONS_MOST: Definition =
    gauge("relay_connections_limit", "The most there may be (gateway.max_connections).");
pub(super) static BUFFERED: Definition =
    gauge("relay_buffered_bytes", "Memory held by bodies of requests and answers.");
pub(super) static BUFFERED_MOST: Definition =
    gauge("relay_buffered_bytes_limit", "The most there may be (gateway.max_buffered).");

pub(super) static SPANS: Definition =
    counter("relay_spans_exported_total", &[], "Spans that the collector of traces took.");
pub(super) static SPANS_DROPPED: Definition = counter(
    "relay_spans_dropped_total",
    &[],
    "Spans that no collector will see: the queue was full, or the collector did not take them.",
);

/// All of them.
pub(crate) const DEFINITIONS: &[&Definition] = &[
    &REQUESTS,
    &DURATION,
    &FIRST_OUTPUT,
    &OVERHEAD,
    &STICKY,
    &REFUSALS,
    &ATTEMPTS,
    &ATTEMPT_DURATION,
    &COST,
    &TOKENS,
    &PRICE,
    &FALLBACKS,
    &PANICS,
    &DOUBLE_BILLS,
    &UNPRICED,
    &REQUEST_BYTES,
    &RESPONSE_BYTES,
    &TURNED_AWAY,
    &IN_FLIGHT,
    &RETRIES_IN_FLIGHT,
    &RETRIES_REFUSED,
    &CONNECTIONS,
    &CONNECTIONS_MOST,
    &BUFFERED,
    &BUFFERED_MOST,
    &SPANS,
    &SPANS_DROPPED,
];

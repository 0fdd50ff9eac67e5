//! Limits and times of the data plane; defaults are those of spec §2.

use std::time::Duration;

/// Settings of the gateway.
#[derive(Clone, Copy, Debug)]
pub struct GatewayOptions {
    /// Largest request body, in bytes.
    pub max_body: u64,
    /// What bodies of requests and answers may take of memory together, in bytes.
    pub max_buffered: u64,
    /// Most client connections at once.
    pub max_connections: usize,
    /// Time a host has until its first real output.
    pub first_output: Duration,
    /// Silence allowed inside a committed stream.
    pub idle: Duration,
    /// When a stream's status is committed without output.
    pub status_commit: Duration,
    /// Time for connects and error answers of all attempts together.
    pub attempts_budget: Duration,
    /// Attempts at most, when a host may have seen the request.
    pub attempts: u32,
    /// How long a request waits for a managed key that is not there yet, on each route.
    pub managed_wait: Duration,
    /// Retries in flight, as a share of the requests in flight.
    pub retry_percent: u32,
    /// How long a client may stop sending its body.
    pub body_stall: Duration,
    /// How long a client may take over a request's head.
    pub head_limit: Duration,
    /// How long a client may leave written bytes unread.
    pub client_stall: Duration,
    /// Silence towards a streaming client before a keep-alive comment.
    pub keep_alive: Duration,
    /// Whether each request that has ended is a line of the log.
    pub access_log: bool,
}

impl Default for GatewayOptions {
    fn default() -> Self {
        Self {
            max_body: 64 * 1024 * 1024,
            max_buffered: 1024 * 1024 * 1024,
            max_connections: 10_000,
            first_output: Duration::from_mins(5),
            idle: Duration::from_mins(3),
            status_commit: Duration::from_secs(10),
            attempts_budget: Duration::from_secs(30),
            attempts: 3,
            managed_wait: Duration::from_secs(10),
            retry_percent: 20,
            body_stall: Duration::from_secs(30),
            head_limit: Duration::from_secs(10),
            client_stall: Duration::from_mins(1),
            keep_alive: Duration::from_secs(15),
            access_log: false,
        }
    }
}

/// Start frames held back before a stream counts as committed (spec §5).
pub(crate) const MAX_START_FRAMES: usize = 256 * 1024;

/// Largest answer read and checked whole before it is committed (spec §5).
pub(crate) const MAX_WHOLE_ANSWER: usize = 32 * 1024 * 1024;

/// How much of an error answer is read.
pub(crate) const MAX_ERROR_ANSWER: usize = 1024 * 1024;

//! `[breaker]`: when a route is left alone, and for how long.

use std::time::Duration;

use super::keys;
use super::layers::Reader;
use super::value::show_span;

/// Thresholds and periods; the meaning of each is in `keys.rs`.
#[derive(Clone, Debug)]
pub(crate) struct BreakerConfig {
    pub(crate) consecutive_failures: u32,
    pub(crate) failure_percent: u32,
    pub(crate) minimum_requests: u32,
    pub(crate) window: Duration,
    pub(crate) first_open: Duration,
    pub(crate) longest_open: Duration,
}

impl BreakerConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let breaker = Self {
            consecutive_failures: reader.count(&keys::BREAKER_CONSECUTIVE_FAILURES) as u32,
            failure_percent: reader.count(&keys::BREAKER_FAILURE_PERCENT) as u32,
            minimum_requests: reader.count(&keys::BREAKER_MINIMUM_REQUESTS) as u32,
            window: reader.span(&keys::BREAKER_WINDOW),
            first_open: reader.span(&keys::BREAKER_FIRST_OPEN),
            longest_open: reader.span(&keys::BREAKER_LONGEST_OPEN),
        };
        if breaker.first_open > breaker.longest_open {
            let complaint = format!(
                "{} is longer than breaker.longest_open ({}); shorten it or raise breaker.longest_open",
                show_span(breaker.first_open),
                show_span(breaker.longest_open),
            );
            reader.complain(&keys::BREAKER_FIRST_OPEN, complaint);
        }
        breaker
    }
}

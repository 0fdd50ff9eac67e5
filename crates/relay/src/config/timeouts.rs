//! `[timeouts]`: how long each phase of a request may take.

use std::time::Duration;

use super::keys;
use super::layers::Reader;
use super::value::show_span;

/// Limits in time; the meaning of each is in `keys.rs`.
#[derive(Clone, Debug)]
pub(crate) struct TimeoutsConfig {
    pub(crate) connect: Duration,
    pub(crate) first_output: Duration,
    pub(crate) idle: Duration,
    pub(crate) status_commit: Duration,
    pub(crate) attempts: Duration,
    pub(crate) client_stall: Duration,
    pub(crate) shutdown_grace: Duration,
}

impl TimeoutsConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let timeouts = Self {
            connect: reader.span(&keys::TIMEOUTS_CONNECT),
            first_output: reader.span(&keys::TIMEOUTS_FIRST_OUTPUT),
            idle: reader.span(&keys::TIMEOUTS_IDLE),
            status_commit: reader.span(&keys::TIMEOUTS_STATUS_COMMIT),
            attempts: reader.span(&keys::TIMEOUTS_ATTEMPTS),
            client_stall: reader.span(&keys::TIMEOUTS_CLIENT_STALL),
            shutdown_grace: reader.span(&keys::TIMEOUTS_SHUTDOWN_GRACE),
        };
        if timeouts.connect > timeouts.attempts {
            let complaint = format!(
                "{} is longer than timeouts.attempts ({}), so one silent host would use up every attempt; \
                 shorten it or raise timeouts.attempts",
                show_span(timeouts.connect),
                show_span(timeouts.attempts),
            );
            reader.complain(&keys::TIMEOUTS_CONNECT, complaint);
        }
        timeouts
    }
}

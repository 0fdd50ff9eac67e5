//! `[log]`: the decision log.

use std::time::Duration;

use super::keys;
use super::layers::Reader;

/// What happens to requests when the log cannot be written (spec §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnStall {
    /// They wait, at most a second, then are refused.
    Refuse,
    /// They go on, counted.
    Continue,
}

/// The decision log.
#[derive(Clone, Debug)]
pub(crate) struct LogConfig {
    /// Age at which a day is deleted.
    pub(crate) retention: Duration,
    /// What requests do meanwhile.
    pub(crate) on_stall: OnStall,
}

impl LogConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let on_stall = match reader.choice(&keys::LOG_ON_STALL) {
            "continue" => OnStall::Continue,
            _ => OnStall::Refuse,
        };
        Self { retention: reader.span(&keys::LOG_RETENTION), on_stall }
    }
}

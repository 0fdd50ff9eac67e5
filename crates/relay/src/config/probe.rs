//! `[probe]`: how routes are probed that nobody uses.

use std::time::Duration;

use super::keys;
use super::layers::Reader;

/// By what an idle route is probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProbeMode {
    /// Not at all.
    Off,
    /// Its host's list of models.
    Models,
    /// The same, and a completion of one token.
    Completion,
}

/// Probes of idle routes; the meaning of each key is in `keys.rs`.
#[derive(Clone, Debug)]
pub(crate) struct ProbeConfig {
    pub(crate) mode: ProbeMode,
    pub(crate) idle: Duration,
    pub(crate) completions_per_day: u32,
}

impl ProbeConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let mode = match reader.choice(&keys::PROBE_MODE) {
            "off" => ProbeMode::Off,
            "completion" => ProbeMode::Completion,
            _ => ProbeMode::Models,
        };
        Self {
            mode,
            idle: reader.span(&keys::PROBE_IDLE),
            completions_per_day: reader.count(&keys::PROBE_COMPLETIONS_PER_DAY) as u32,
        }
    }
}

//! `[retry]`: how often a request may be tried.

use super::keys;
use super::layers::Reader;

/// Bounds on attempts.
#[derive(Clone, Debug)]
pub(crate) struct RetryConfig {
    /// Most attempts for one request.
    pub(crate) attempts: u32,
    /// Retries in flight, in percent of the requests in flight.
    pub(crate) budget_percent: u32,
}

impl RetryConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            attempts: reader.count(&keys::RETRY_ATTEMPTS) as u32,
            budget_percent: reader.count(&keys::RETRY_BUDGET_PERCENT) as u32,
        }
    }
}

//! `[managed]`: how access to hosts is obtained and kept (`credential = "managed"`).

use std::time::Duration;

use super::keys;
use super::layers::Reader;

/// Managed access; the meaning of each key is in `keys.rs`.
#[derive(Clone, Debug)]
pub(crate) struct ManagedConfig {
    pub(crate) wait: Duration,
    pub(crate) validity_days: u32,
    pub(crate) renew_ahead: Duration,
    pub(crate) overlap: Duration,
    pub(crate) user_concurrency: u32,
    pub(crate) keys_per_user: u32,
    pub(crate) jobs: usize,
    pub(crate) watch: Duration,
    pub(crate) low_percent: u32,
}

impl ManagedConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            wait: reader.span(&keys::MANAGED_WAIT),
            validity_days: reader.count(&keys::MANAGED_VALIDITY_DAYS) as u32,
            renew_ahead: reader.span(&keys::MANAGED_RENEW_AHEAD),
            overlap: reader.span(&keys::MANAGED_OVERLAP),
            user_concurrency: reader.count(&keys::MANAGED_USER_CONCURRENCY) as u32,
            keys_per_user: reader.count(&keys::MANAGED_KEYS_PER_USER) as u32,
            jobs: reader.count(&keys::MANAGED_JOBS) as usize,
            watch: reader.span(&keys::MANAGED_WATCH),
            low_percent: reader.count(&keys::MANAGED_LOW_PERCENT) as u32,
        }
    }
}

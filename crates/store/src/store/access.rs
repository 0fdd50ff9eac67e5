//! Grants of managed access, their keys and users.

use async_trait::async_trait;
use relay_domain::{HostId, Timestamp};

use crate::{AccessChange, AccessKey, AccessUser, Grant, GrantCounts, GrantFilter, GrantName, StoreError, UsageRecord};

/// What is recorded of managed access. As in [`Store`](super::Store), a write is one transaction.
#[async_trait]
pub trait AccessStore: Send + Sync {
    /// A grant.
    async fn grant(&self, name: &GrantName) -> Result<Option<Grant>, StoreError>;

    /// Grants that pass the filter, oldest record first, after the one numbered `after`.
    async fn grants(&self, filter: &GrantFilter, after: Option<i64>, limit: u32) -> Result<Vec<Grant>, StoreError>;

    /// The same, each with the issue of its key that is in use.
    async fn grants_with_keys(
        &self,
        filter: &GrantFilter,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<(Grant, Option<AccessKey>)>, StoreError>;

    /// Grants to be looked at by now, the longest waiting first, but none of the hosts in `except`.
    async fn due_grants(&self, now: Timestamp, except: &[HostId], limit: u32) -> Result<Vec<Grant>, StoreError>;

    /// When the next grant is due.
    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError>;

    /// How many there are, by state.
    async fn grant_counts(&self, filter: &GrantFilter) -> Result<GrantCounts, StoreError>;

    /// Asks for grants: those that are not there are recorded, due at once. What was
    /// revoked stays so, and with `revive` is asked for again; so are refused ones
    /// looked at again at once. Answers how many are due now because of it.
    async fn ask_for_grants(&self, names: &[GrantName], revive: bool, at: Timestamp) -> Result<u64, StoreError>;

    /// Asks for new keys: all that pass the filter and are not revoked get another issue.
    /// `leaked`: the old issues get no overlap, and users that we made get new passwords.
    async fn ask_for_rotation(&self, filter: &GrantFilter, leaked: bool, at: Timestamp) -> Result<u64, StoreError>;

    /// Asks that access be taken away.
    async fn ask_for_revocation(&self, filter: &GrantFilter, at: Timestamp) -> Result<u64, StoreError>;

    /// Writes a grant with what changes beside it. What was asked for meanwhile (want,
    /// wanted generation) is kept; answers the grant as it is now recorded.
    async fn change_access(&self, change: AccessChange<'_>) -> Result<Grant, StoreError>;

    /// All issues of a grant's key, newest first.
    async fn access_keys(&self, name: &GrantName) -> Result<Vec<AccessKey>, StoreError>;

    /// The host's ids of all keys that were ever in use on a host, retired ones included.
    async fn remote_keys(&self, host: &HostId) -> Result<Vec<(GrantName, i64)>, StoreError>;

    /// A user that we made.
    async fn access_user(&self, host: &HostId, user: &str) -> Result<Option<AccessUser>, StoreError>;

    /// Writes a user; the wanted password generation is never lowered.
    async fn put_access_user(&self, user: &AccessUser) -> Result<(), StoreError>;

    /// Writes what hosts said of quotas.
    async fn put_usage(&self, records: &[UsageRecord]) -> Result<(), StoreError>;

    /// What a host said last of a grant's quota.
    async fn usage_of(&self, name: &GrantName) -> Result<Option<UsageRecord>, StoreError>;
}

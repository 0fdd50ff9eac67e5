//! The traits every engine implements, one for each group of nouns.

mod access;
mod events;
mod hosts;
mod notifications;
mod sessions;

use async_trait::async_trait;
use relay_domain::{Fleet, Generation, HostId, Timestamp};

pub use self::access::AccessStore;
pub use self::events::EventStore;
pub use self::hosts::HostStore;
pub use self::notifications::NotificationStore;
pub use self::sessions::SessionStore;
use crate::{
    AdminToken, AuditEntry, AuditFilter, GenerationFilter, GenerationRecord, ManagedResource, NewAuditEntry,
    Publication, PublishError, ResourceFilter, ResourceKind, Role, StoreError, TokenHash, TokenRemoval,
};

/// The control plane's database.
///
/// Every write is one transaction. Dropping the future of a write leaves either
/// the whole of it or nothing; which of the two is only known by reading again.
/// Lists are keyset-paged: pass the last entry's number to go on after it.
/// "Not found" is `None` or `false`, never an error.
#[async_trait]
pub trait Store: AccessStore + HostStore + EventStore + NotificationStore + SessionStore + Send + Sync {
    /// The current fleet with its secrets opened; the empty one, generation 0,
    /// before anything was published. All of it is of one generation.
    async fn fleet(&self) -> Result<Fleet, StoreError>;

    /// The current generation's number, for those who poll for changes.
    async fn current_generation(&self) -> Result<Generation, StoreError>;

    /// Replaces the fleet: the next generation with its document, its diff and its
    /// audit entry, in one transaction. Answers the new number.
    ///
    /// # Errors
    /// [`PublishError::Conflict`] when the current generation is not
    /// `change.based_on`; [`PublishError::Inconsistent`] when ids repeat or a
    /// reference dangles. In every error case nothing was changed.
    async fn publish(&self, change: Publication) -> Result<Generation, PublishError>;

    /// Published generations that pass the filter, newest first, below `before` when it is given.
    async fn generations(
        &self,
        filter: &GenerationFilter,
        before: Option<Generation>,
        limit: u32,
    ) -> Result<Vec<GenerationRecord>, StoreError>;

    /// What a generation changed, which may be long; `None` when there is no such generation.
    async fn generation_diff(&self, number: Generation) -> Result<Option<serde_json::Value>, StoreError>;

    /// The fleet as `generation` published it; `None` when there was no such
    /// generation or its fleet was forgotten. Generation 0 is the empty fleet.
    async fn fleet_at(&self, generation: Generation) -> Result<Option<Fleet>, StoreError>;

    /// Drops the whole fleets kept for generations that were published before
    /// `older_than`, the current one excepted, and answers how many. Their
    /// records and audit entries stay.
    async fn forget_fleets(&self, older_than: Timestamp) -> Result<u64, StoreError>;

    /// What is known about the object of that identity on a host (spec §1).
    async fn managed_resource(
        &self,
        host: &HostId,
        kind: ResourceKind,
        name: &str,
    ) -> Result<Option<ManagedResource>, StoreError>;

    /// Records the host's id for an identity, over what was recorded before. The
    /// host need not be in the fleet: what was made on a host outlives its entry.
    async fn record_managed_resource(
        &self,
        host: &HostId,
        kind: ResourceKind,
        name: &str,
        remote_id: &str,
        at: Timestamp,
    ) -> Result<ManagedResource, StoreError>;

    /// Managed resources that pass the filter, oldest record first, after the
    /// one numbered `after`.
    async fn managed_resources(
        &self,
        filter: &ResourceFilter,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<ManagedResource>, StoreError>;

    /// Forgets an identity; answers whether it was known. Nothing is done on the host.
    async fn remove_managed_resource(&self, host: &HostId, kind: ResourceKind, name: &str) -> Result<bool, StoreError>;

    /// Entries of the audit trail that pass the filter, newest first; `after` is the number of the last entry seen.
    async fn audit(&self, filter: &AuditFilter, after: Option<i64>, limit: u32) -> Result<Vec<AuditEntry>, StoreError>;

    /// Adds an entry for an act that publishes nothing, and answers its number.
    async fn record_audit(&self, entry: NewAuditEntry) -> Result<i64, StoreError>;

    /// The admin token with that hash.
    async fn admin_token_by_hash(&self, hash: &TokenHash) -> Result<Option<AdminToken>, StoreError>;

    /// Adds an admin token. A hash that is already there keeps its number and
    /// date and takes the new label and role, so that a start may repeat this.
    async fn add_admin_token(
        &self,
        label: &str,
        role: Role,
        hash: &TokenHash,
        at: Timestamp,
    ) -> Result<AdminToken, StoreError>;

    /// All admin tokens, oldest first, without their hashes.
    async fn admin_tokens(&self) -> Result<Vec<AdminToken>, StoreError>;

    /// Revokes an admin token, unless it is the last one of an admin.
    async fn remove_admin_token(&self, id: i64) -> Result<TokenRemoval, StoreError>;

    /// A setting's value.
    async fn setting(&self, key: &str) -> Result<Option<String>, StoreError>;

    /// Sets a setting. Settings are not sealed: no secrets here.
    async fn set_setting(&self, key: &str, value: &str) -> Result<(), StoreError>;

    /// Whether the database answers, for `/readyz`.
    async fn ping(&self) -> Result<(), StoreError>;
}

//! The SQLite engine: one file in WAL mode, one connection that writes and a few
//! that only read, so that a list never waits for a publication and two writers
//! never meet `SQLITE_BUSY` inside one process.

mod access;
mod access_keys;
mod access_users;
mod events;
mod fleet;
mod hosts;
mod inspect;
mod managed;
mod notifications;
mod open;
mod sessions;
mod settings;
mod tokens;
mod trail;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use relay_domain::{Fleet, Generation, HostId, Timestamp};
use sqlx::SqlitePool;

pub use self::inspect::{InspectedHost, Inspection, inspect_sqlite};
pub use self::open::open_sqlite;
use crate::{
    AdminToken, AuditEntry, AuditFilter, GenerationFilter, GenerationRecord, Keyring, ManagedResource, NewAuditEntry,
    Publication, PublishError, ResourceFilter, ResourceKind, Role, Store, StoreError, TokenHash, TokenRemoval,
};

/// A [`Store`] in one SQLite file.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    writer: SqlitePool,
    readers: SqlitePool,
    keyring: Arc<Keyring>,
}

impl SqliteStore {
    /// Writes a consistent copy of the database, readable by us alone, to `path`,
    /// which must not exist or be empty. Writes wait meanwhile, reads do not.
    ///
    /// # Errors
    /// When the copy cannot be written.
    pub async fn backup_to(&self, path: &Path) -> Result<(), StoreError> {
        open::create_private(path).map_err(|error| StoreError::Unavailable(error.into()))?;
        let target = path.to_string_lossy();
        sqlx::query("VACUUM INTO ?1").bind(target.as_ref()).execute(&self.writer).await.map(drop).map_err(fault)
    }

    /// Waits for what is under way and closes the file; later calls fail. The
    /// write-ahead log is folded into the database.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn fleet(&self) -> Result<Fleet, StoreError> {
        fleet::current(&self.readers, &self.keyring).await
    }

    async fn current_generation(&self) -> Result<Generation, StoreError> {
        fleet::current_generation(&self.readers).await
    }

    async fn publish(&self, change: Publication) -> Result<Generation, PublishError> {
        fleet::publish((&self.readers, &self.writer), &self.keyring, change).await
    }

    async fn generations(
        &self,
        filter: &GenerationFilter,
        before: Option<Generation>,
        limit: u32,
    ) -> Result<Vec<GenerationRecord>, StoreError> {
        fleet::generations(&self.readers, filter, before, limit).await
    }

    async fn generation_diff(&self, number: Generation) -> Result<Option<serde_json::Value>, StoreError> {
        fleet::diff(&self.readers, number).await
    }

    async fn fleet_at(&self, generation: Generation) -> Result<Option<Fleet>, StoreError> {
        fleet::at(&self.readers, &self.keyring, generation).await
    }

    async fn forget_fleets(&self, older_than: Timestamp) -> Result<u64, StoreError> {
        fleet::forget(&self.writer, older_than).await
    }

    async fn managed_resource(
        &self,
        host: &HostId,
        kind: ResourceKind,
        name: &str,
    ) -> Result<Option<ManagedResource>, StoreError> {
        managed::managed_resource(&self.readers, host, kind, name).await
    }

    async fn record_managed_resource(
        &self,
        host: &HostId,
        kind: ResourceKind,
        name: &str,
        remote_id: &str,
        at: Timestamp,
    ) -> Result<ManagedResource, StoreError> {
        managed::record_managed_resource(&self.writer, (host, kind, name), remote_id, at).await
    }

    async fn managed_resources(
        &self,
        filter: &ResourceFilter,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<ManagedResource>, StoreError> {
        managed::managed_resources(&self.readers, filter, after, limit).await
    }

    async fn remove_managed_resource(&self, host: &HostId, kind: ResourceKind, name: &str) -> Result<bool, StoreError> {
        managed::remove_managed_resource(&self.writer, host, kind, name).await
    }

    async fn audit(&self, filter: &AuditFilter, after: Option<i64>, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        trail::audit(&self.readers, filter, after, limit).await
    }

    async fn record_audit(&self, entry: NewAuditEntry) -> Result<i64, StoreError> {
        trail::record_audit(&self.writer, &entry).await
    }

    async fn admin_token_by_hash(&self, hash: &TokenHash) -> Result<Option<AdminToken>, StoreError> {
        tokens::admin_token_by_hash(&self.readers, hash).await
    }

    async fn add_admin_token(
        &self,
        label: &str,
        role: Role,
        hash: &TokenHash,
        at: Timestamp,
    ) -> Result<AdminToken, StoreError> {
        tokens::add_admin_token(&self.writer, label, role, hash, at).await
    }

    async fn admin_tokens(&self) -> Result<Vec<AdminToken>, StoreError> {
        tokens::admin_tokens(&self.readers).await
    }

    async fn remove_admin_token(&self, id: i64) -> Result<TokenRemoval, StoreError> {
        tokens::remove_admin_token(&self.writer, id).await
    }

    async fn setting(&self, key: &str) -> Result<Option<String>, StoreError> {
        settings::setting(&self.readers, key).await
    }

    async fn set_setting(&self, key: &str, value: &str) -> Result<(), StoreError> {
        settings::set_setting(&self.writer, key, value).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.readers).await.map(drop).map_err(fault)
    }
}

/// What a driver's error means to our caller.
fn fault(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::ColumnDecode { index, source } => {
            StoreError::Corrupt { what: format!("column {index}"), reason: source.to_string() }
        }
        other => StoreError::Unavailable(other.into()),
    }
}

/// A value read back that this version would not have written.
fn corrupt<E: std::fmt::Display>(what: impl Into<String>) -> impl FnOnce(E) -> StoreError {
    let what = what.into();
    move |reason| StoreError::Corrupt { what, reason: reason.to_string() }
}

/// A time column's value.
fn timestamp(what: &str, microseconds: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(microseconds).map_err(corrupt(what))
}

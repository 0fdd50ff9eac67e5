//! Managed resources.

use relay_domain::{HostId, Timestamp};
use sqlx::SqlitePool;

use super::{corrupt, fault, timestamp};
use crate::{ManagedResource, ResourceFilter, ResourceKind, StoreError};

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    host_id: String,
    kind: String,
    name: String,
    remote_id: String,
    recorded_at: i64,
    updated_at: i64,
}

impl Row {
    fn read(self) -> Result<ManagedResource, StoreError> {
        let what = format!("managed resource {}", self.id);
        Ok(ManagedResource {
            id: self.id,
            host: HostId::new(&self.host_id).map_err(corrupt(&what))?,
            kind: self.kind.parse().map_err(corrupt::<crate::UnknownResourceKind>(&what))?,
            name: self.name,
            remote_id: self.remote_id,
            recorded_at: timestamp(&what, self.recorded_at)?,
            updated_at: timestamp(&what, self.updated_at)?,
        })
    }
}

pub(super) async fn managed_resource(
    readers: &SqlitePool,
    host: &HostId,
    kind: ResourceKind,
    name: &str,
) -> Result<Option<ManagedResource>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT id, host_id, kind, name, remote_id, recorded_at, updated_at
         FROM managed_resources WHERE host_id = ?1 AND kind = ?2 AND name = ?3",
    )
    .bind(host.as_str())
    .bind(kind.as_str())
    .bind(name)
    .fetch_optional(readers)
    .await
    .map_err(fault)?;
    row.map(Row::read).transpose()
}

pub(super) async fn record_managed_resource(
    writer: &SqlitePool,
    (host, kind, name): (&HostId, ResourceKind, &str),
    remote_id: &str,
    at: Timestamp,
) -> Result<ManagedResource, StoreError> {
    let row: Row = sqlx::query_as(
        "INSERT INTO managed_resources (host_id, kind, name, remote_id, recorded_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?5)
         ON CONFLICT (host_id, kind, name) DO UPDATE
             SET remote_id = excluded.remote_id, updated_at = excluded.updated_at
         RETURNING id, host_id, kind, name, remote_id, recorded_at, updated_at",
    )
    .bind(host.as_str())
    .bind(kind.as_str())
    .bind(name)
    .bind(remote_id)
    .bind(at.as_microsecond())
    .fetch_one(writer)
    .await
    .map_err(fault)?;
    row.read()
}

pub(super) async fn managed_resources(
    readers: &SqlitePool,
    filter: &ResourceFilter,
    after: Option<i64>,
    limit: u32,
) -> Result<Vec<ManagedResource>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, host_id, kind, name, remote_id, recorded_at, updated_at FROM managed_resources
         WHERE id > ?1 AND (?2 IS NULL OR host_id = ?2) AND (?3 IS NULL OR kind = ?3) AND (?4 IS NULL OR name = ?4)
         ORDER BY id LIMIT ?5",
    )
    .bind(after.unwrap_or(0))
    .bind(filter.host.as_ref().map(HostId::as_str))
    .bind(filter.kind.map(ResourceKind::as_str))
    .bind(filter.name.as_deref())
    .bind(limit)
    .fetch_all(readers)
    .await
    .map_err(fault)?;
    rows.into_iter().map(Row::read).collect()
}

pub(super) async fn remove_managed_resource(
    writer: &SqlitePool,
    host: &HostId,
    kind: ResourceKind,
    name: &str,
) -> Result<bool, StoreError> {
    sqlx::query("DELETE FROM managed_resources WHERE host_id = ?1 AND kind = ?2 AND name = ?3")
        .bind(host.as_str())
        .bind(kind.as_str())
        .bind(name)
        .execute(writer)
        .await
        .map(|done| done.rows_affected() > 0)
        .map_err(fault)
}

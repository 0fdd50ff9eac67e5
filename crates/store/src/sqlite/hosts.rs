//! Capabilities, objects, results of work and observations of hosts.

use async_trait::async_trait;
use relay_domain::HostId;
use sqlx::{Sqlite, SqlitePool, Transaction};

use super::{SqliteStore, corrupt, fault, timestamp};
use crate::{CapabilityRecord, HostObject, HostResult, HostStore, Observation, ObservationFilter, StoreError};

#[async_trait]
impl HostStore for SqliteStore {
    async fn capabilities(&self, host: &HostId) -> Result<Option<CapabilityRecord>, StoreError> {
        capabilities(&self.readers, host).await
    }

    async fn put_capabilities(&self, record: &CapabilityRecord) -> Result<(), StoreError> {
        put_capabilities(&self.writer, record).await
    }

    async fn host_objects(&self, host: &HostId) -> Result<Vec<HostObject>, StoreError> {
        objects(&self.readers, host).await
    }

    async fn put_host_objects(&self, host: &HostId, seen: &[HostObject]) -> Result<(), StoreError> {
        put_objects(&self.writer, host, seen).await
    }

    async fn forget_host_object(&self, host: &HostId, kind: &str, name: &str) -> Result<bool, StoreError> {
        forget_object(&self.writer, host, kind, name).await
    }

    async fn host_results(&self, host: &HostId) -> Result<Vec<HostResult>, StoreError> {
        results(&self.readers, host).await
    }

    async fn put_host_result(&self, result: &HostResult) -> Result<(), StoreError> {
        put_result(&self.writer, result).await
    }

    async fn observe(&self, seen: &[Observation]) -> Result<Vec<(Observation, Option<Observation>)>, StoreError> {
        observe(&self.writer, seen).await
    }

    async fn observations(
        &self,
        filter: &ObservationFilter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Observation>, StoreError> {
        observations(&self.readers, filter, before, limit).await
    }
}

async fn capabilities(readers: &SqlitePool, host: &HostId) -> Result<Option<CapabilityRecord>, StoreError> {
    let row: Option<(i64, String)> =
        sqlx::query_as("SELECT probed_at, document FROM host_capabilities WHERE host_id = ?1")
            .bind(host.as_str())
            .fetch_optional(readers)
            .await
            .map_err(fault)?;
    let Some((probed_at, document)) = row else { return Ok(None) };
    let what = format!("the capabilities of {host}");
    Ok(Some(CapabilityRecord {
        host: host.clone(),
        probed_at: timestamp(&what, probed_at)?,
        document: serde_json::from_str(&document).map_err(corrupt(what))?,
    }))
}

async fn put_capabilities(writer: &SqlitePool, record: &CapabilityRecord) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO host_capabilities (host_id, probed_at, document) VALUES (?1, ?2, ?3)
         ON CONFLICT (host_id) DO UPDATE SET probed_at = excluded.probed_at, document = excluded.document",
    )
    .bind(record.host.as_str())
    .bind(record.probed_at.as_microsecond())
    .bind(record.document.to_string())
    .execute(writer)
    .await
    .map(drop)
    .map_err(fault)
}

async fn objects(readers: &SqlitePool, host: &HostId) -> Result<Vec<HostObject>, StoreError> {
    let rows: Vec<(String, String, String, i64, i64, i64)> = sqlx::query_as(
        "SELECT kind, name, document, first_at, observed_at, misses FROM host_objects
         WHERE host_id = ?1 ORDER BY kind, name",
    )
    .bind(host.as_str())
    .fetch_all(readers)
    .await
    .map_err(fault)?;
    let read = |(kind, name, document, first_at, observed_at, misses): (String, String, String, i64, i64, i64)| {
        let what = format!("{kind} {name} of {host}");
        Ok(HostObject {
            document: serde_json::from_str(&document).map_err(corrupt(&what))?,
            first_at: timestamp(&what, first_at)?,
            observed_at: timestamp(&what, observed_at)?,
            misses: u32::try_from(misses).map_err(corrupt(&what))?,
            kind,
            name,
        })
    };
    rows.into_iter().map(read).collect()
}

async fn put_objects(writer: &SqlitePool, host: &HostId, objects: &[HostObject]) -> Result<(), StoreError> {
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(fault)?;
    for object in objects {
        sqlx::query(
            "INSERT INTO host_objects (host_id, kind, name, document, first_at, observed_at, misses)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (host_id, kind, name) DO UPDATE SET
                 document = excluded.document, observed_at = excluded.observed_at, misses = excluded.misses",
        )
        .bind(host.as_str())
        .bind(&object.kind)
        .bind(&object.name)
        .bind(object.document.to_string())
        .bind(object.first_at.as_microsecond())
        .bind(object.observed_at.as_microsecond())
        .bind(object.misses)
        .execute(&mut *transaction)
        .await
        .map_err(fault)?;
    }
    transaction.commit().await.map_err(fault)
}

async fn forget_object(writer: &SqlitePool, host: &HostId, kind: &str, name: &str) -> Result<bool, StoreError> {
    sqlx::query("DELETE FROM host_objects WHERE host_id = ?1 AND kind = ?2 AND name = ?3")
        .bind(host.as_str())
        .bind(kind)
        .bind(name)
        .execute(writer)
        .await
        .map(|done| done.rows_affected() > 0)
        .map_err(fault)
}

async fn results(readers: &SqlitePool, host: &HostId) -> Result<Vec<HostResult>, StoreError> {
    let rows: Vec<(String, i64, String, String)> =
        sqlx::query_as("SELECT work, at, actor, document FROM host_results WHERE host_id = ?1 ORDER BY work")
            .bind(host.as_str())
            .fetch_all(readers)
            .await
            .map_err(fault)?;
    let read = |(work, at, actor, document): (String, i64, String, String)| {
        let what = format!("what came of {work} of {host}");
        Ok(HostResult {
            host: host.clone(),
            at: timestamp(&what, at)?,
            document: serde_json::from_str(&document).map_err(corrupt(&what))?,
            work,
            actor,
        })
    };
    rows.into_iter().map(read).collect()
}

async fn put_result(writer: &SqlitePool, result: &HostResult) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO host_results (host_id, work, at, actor, document) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (host_id, work) DO UPDATE SET
             at = excluded.at, actor = excluded.actor, document = excluded.document WHERE excluded.at >= host_results.at",
    )
    .bind(result.host.as_str())
    .bind(&result.work)
    .bind(result.at.as_microsecond())
    .bind(&result.actor)
    .bind(result.document.to_string())
    .execute(writer)
    .await
    .map(drop)
    .map_err(fault)
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    at: i64,
    host_id: String,
    kind: String,
    subject: String,
    value: String,
}

impl Row {
    fn read(self) -> Result<Observation, StoreError> {
        let what = format!("observation {}", self.id);
        Ok(Observation {
            id: self.id,
            at: timestamp(&what, self.at)?,
            host: HostId::new(&self.host_id).map_err(corrupt(&what))?,
            kind: self.kind,
            subject: self.subject,
            value: serde_json::from_str(&self.value).map_err(corrupt(&what))?,
        })
    }
}

async fn observe(
    writer: &SqlitePool,
    observations: &[Observation],
) -> Result<Vec<(Observation, Option<Observation>)>, StoreError> {
    // Immediate: of two who saw the same change one adds it.
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(fault)?;
    let mut added = Vec::new();
    for seen in observations {
        let before = latest(&mut transaction, seen).await.map_err(fault)?.map(Row::read).transpose()?;
        if before.as_ref().is_some_and(|before| before.value == seen.value) {
            continue;
        }
        let id = add(&mut transaction, seen).await.map_err(fault)?;
        added.push((Observation { id, ..seen.clone() }, before));
    }
    transaction.commit().await.map_err(fault)?;
    Ok(added)
}

async fn latest(transaction: &mut Transaction<'_, Sqlite>, seen: &Observation) -> Result<Option<Row>, sqlx::Error> {
    sqlx::query_as(
        "SELECT id, at, host_id, kind, subject, value FROM observations
         WHERE host_id = ?1 AND kind = ?2 AND subject = ?3 ORDER BY id DESC LIMIT 1",
    )
    .bind(seen.host.as_str())
    .bind(&seen.kind)
    .bind(&seen.subject)
    .fetch_optional(&mut **transaction)
    .await
}

async fn add(transaction: &mut Transaction<'_, Sqlite>, seen: &Observation) -> Result<i64, sqlx::Error> {
    sqlx::query("INSERT INTO observations (at, host_id, kind, subject, value) VALUES (?1, ?2, ?3, ?4, ?5)")
        .bind(seen.at.as_microsecond())
        .bind(seen.host.as_str())
        .bind(&seen.kind)
        .bind(&seen.subject)
        .bind(seen.value.to_string())
        .execute(&mut **transaction)
        .await
        .map(|done| done.last_insert_rowid())
}

async fn observations(
    readers: &SqlitePool,
    filter: &ObservationFilter,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<Observation>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, at, host_id, kind, subject, value FROM observations
         WHERE id < ?1 AND (?2 IS NULL OR host_id = ?2) AND (?3 IS NULL OR kind = ?3) AND (?4 IS NULL OR subject = ?4)
         ORDER BY id DESC LIMIT ?5",
    )
    .bind(before.unwrap_or(i64::MAX))
    .bind(filter.host.as_ref().map(HostId::as_str))
    .bind(filter.kind.as_deref())
    .bind(filter.subject.as_deref())
    .bind(limit)
    .fetch_all(readers)
    .await
    .map_err(fault)?;
    rows.into_iter().map(Row::read).collect()
}

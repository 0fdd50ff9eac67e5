//! Events.

use async_trait::async_trait;
use relay_domain::HostId;
use sqlx::SqlitePool;

use super::{SqliteStore, corrupt, fault, timestamp};
use crate::{Event, EventFilter, EventStore, Severity, StoreError};

#[async_trait]
impl EventStore for SqliteStore {
    async fn record_events(&self, happened: &[Event]) -> Result<(), StoreError> {
        record(&self.writer, happened).await
    }

    async fn events(&self, filter: &EventFilter, before: Option<i64>, limit: u32) -> Result<Vec<Event>, StoreError> {
        events(&self.readers, filter, before, limit).await
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    at: i64,
    kind: String,
    severity: String,
    host_id: Option<String>,
    subject: String,
    message: String,
    details: String,
}

impl Row {
    fn read(self) -> Result<Event, StoreError> {
        let what = format!("event {}", self.id);
        Ok(Event {
            id: self.id,
            at: timestamp(&what, self.at)?,
            kind: self.kind,
            severity: self.severity.parse().map_err(corrupt::<crate::UnknownWord>(&what))?,
            host: self.host_id.map(|host| HostId::new(&host)).transpose().map_err(corrupt(&what))?,
            subject: self.subject,
            message: self.message,
            details: serde_json::from_str(&self.details).map_err(corrupt(&what))?,
        })
    }
}

async fn record(writer: &SqlitePool, events: &[Event]) -> Result<(), StoreError> {
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(fault)?;
    for event in events {
        sqlx::query(
            "INSERT INTO events (at, kind, severity, host_id, subject, message, details)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )
        .bind(event.at.as_microsecond())
        .bind(&event.kind)
        .bind(event.severity.as_str())
        .bind(event.host.as_ref().map(HostId::as_str))
        .bind(&event.subject)
        .bind(&event.message)
        .bind(event.details.to_string())
        .execute(&mut *transaction)
        .await
        .map_err(fault)?;
    }
    transaction.commit().await.map_err(fault)
}

async fn events(
    readers: &SqlitePool,
    filter: &EventFilter,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<Event>, StoreError> {
    let graver = |severity: Severity| match severity {
        Severity::Info => "info warning critical",
        Severity::Warning => "warning critical",
        Severity::Critical => "critical",
    };
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, at, kind, severity, host_id, subject, message, details FROM events
         WHERE id < ?1 AND (?2 IS NULL OR kind = ?2) AND (?3 IS NULL OR host_id = ?3)
             AND (?4 IS NULL OR instr(?4, severity) > 0)
         ORDER BY id DESC LIMIT ?5",
    )
    .bind(before.unwrap_or(i64::MAX))
    .bind(filter.kind.as_deref())
    .bind(filter.host.as_ref().map(HostId::as_str))
    .bind(filter.severity.map(graver))
    .bind(limit)
    .fetch_all(readers)
    .await
    .map_err(fault)?;
    rows.into_iter().map(Row::read).collect()
}

//! The audit trail.

use relay_domain::Generation;
use sqlx::{Sqlite, SqlitePool, Transaction};

use super::{corrupt, fault, timestamp};
use crate::{AuditEntry, NewAuditEntry, Publication, StoreError};

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    at: i64,
    actor: String,
    action: String,
    summary: String,
    generation: Option<i64>,
    details: String,
}

pub(super) async fn audit(readers: &SqlitePool, after: Option<i64>, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT a.id, a.at, a.actor, a.action, a.summary, a.generation, COALESCE(a.details, g.diff, 'null') AS details
         FROM audit AS a LEFT JOIN generations AS g ON g.number = a.generation
         WHERE a.id < ?1 ORDER BY a.id DESC LIMIT ?2",
    )
    .bind(after.unwrap_or(i64::MAX))
    .bind(limit)
    .fetch_all(readers)
    .await
    .map_err(fault)?;
    rows.into_iter().map(entry).collect()
}

fn entry(row: Row) -> Result<AuditEntry, StoreError> {
    let what = format!("audit entry {}", row.id);
    Ok(AuditEntry {
        id: row.id,
        at: timestamp(&what, row.at)?,
        actor: row.actor,
        action: row.action,
        summary: row.summary,
        generation: row.generation.map(i64::cast_unsigned),
        details: serde_json::from_str(&row.details).map_err(corrupt(what))?,
    })
}

pub(super) async fn record_audit(writer: &SqlitePool, entry: &NewAuditEntry) -> Result<i64, StoreError> {
    sqlx::query("INSERT INTO audit (at, actor, action, summary, details) VALUES (?1, ?2, ?3, ?4, ?5)")
        .bind(entry.at.as_microsecond())
        .bind(&entry.actor)
        .bind(&entry.action)
        .bind(&entry.summary)
        .bind(entry.details.to_string())
        .execute(writer)
        .await
        .map(|done| done.last_insert_rowid())
        .map_err(fault)
}

/// The entry of a publication, in its transaction.
pub(super) async fn record_publication(
    transaction: &mut Transaction<'_, Sqlite>,
    number: Generation,
    change: &Publication,
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO audit (at, actor, action, summary, generation) VALUES (?1, ?2, 'publish', ?3, ?4)")
        .bind(change.at.as_microsecond())
        .bind(&change.actor)
        .bind(&change.summary)
        .bind(number.cast_signed())
        .execute(&mut **transaction)
        .await
        .map(drop)
}

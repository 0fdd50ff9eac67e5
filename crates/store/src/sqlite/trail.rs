//! The audit trail.

use relay_domain::Generation;
use sqlx::{QueryBuilder, Sqlite, SqlitePool, Transaction};

use super::{corrupt, fault, fleet, timestamp};
use crate::{AuditEntry, AuditFilter, NewAuditEntry, Publication, StoreError};

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    at: i64,
    actor: String,
    action: String,
    summary: String,
    generation: Option<i64>,
    details: Option<String>,
    diff: Option<Vec<u8>>,
}

/// A publication from before entries had details of their own shows its generation's diff.
const SELECT: &str = "
    SELECT a.id, a.at, a.actor, a.action, a.summary, a.generation, a.details, d.diff
    FROM audit AS a LEFT JOIN generation_diffs AS d ON d.generation = a.generation AND a.details IS NULL
    WHERE a.id < ";

/// The statement has the conditions that are asked for and no others, so that each is met by its index.
pub(super) async fn audit(
    readers: &SqlitePool,
    filter: &AuditFilter,
    after: Option<i64>,
    limit: u32,
) -> Result<Vec<AuditEntry>, StoreError> {
    let mut query = QueryBuilder::new(SELECT);
    query.push_bind(after.unwrap_or(i64::MAX));
    if let Some(actor) = &filter.actor {
        query.push(" AND a.actor = ").push_bind(actor);
    }
    if let Some(action) = &filter.action {
        query.push(" AND a.action = ").push_bind(action);
    }
    if let Some(subject) = &filter.subject {
        query.push(" AND a.id IN (SELECT audit FROM audit_subjects WHERE subject = ").push_bind(subject).push(")");
    }
    if let Some(from) = filter.from {
        query.push(" AND a.at >= ").push_bind(from.as_microsecond());
    }
    if let Some(to) = filter.to {
        query.push(" AND a.at < ").push_bind(to.as_microsecond());
    }
    query.push(" ORDER BY a.id DESC LIMIT ").push_bind(limit);
    let rows: Vec<Row> = query.build_query_as().fetch_all(readers).await.map_err(fault)?;
    rows.into_iter().map(entry).collect()
}

fn entry(row: Row) -> Result<AuditEntry, StoreError> {
    let what = format!("audit entry {}", row.id);
    let generation = row.generation.map(i64::cast_unsigned);
    let details = match (row.details, row.diff) {
        (Some(details), _) => serde_json::from_str(&details).map_err(corrupt(what.as_str()))?,
        (None, Some(diff)) => fleet::opened_diff(generation.unwrap_or_default(), diff)?,
        (None, None) => serde_json::Value::Null,
    };
    Ok(AuditEntry {
        id: row.id,
        at: timestamp(&what, row.at)?,
        actor: row.actor,
        action: row.action,
        summary: row.summary,
        generation,
        details,
    })
}

pub(super) async fn record_audit(writer: &SqlitePool, entry: &NewAuditEntry) -> Result<i64, StoreError> {
    let mut transaction = writer.begin().await.map_err(fault)?;
    let number = sqlx::query("INSERT INTO audit (at, actor, action, summary, details) VALUES (?1, ?2, ?3, ?4, ?5)")
        .bind(entry.at.as_microsecond())
        .bind(&entry.actor)
        .bind(&entry.action)
        .bind(&entry.summary)
        .bind(entry.details.to_string())
        .execute(&mut *transaction)
        .await
        .map_err(fault)?
        .last_insert_rowid();
    record_subjects(&mut transaction, number, &entry.subjects).await.map_err(fault)?;
    transaction.commit().await.map_err(fault)?;
    Ok(number)
}

/// The entry of a publication, in its transaction.
pub(super) async fn record_publication(
    transaction: &mut Transaction<'_, Sqlite>,
    number: Generation,
    change: &Publication,
) -> Result<(), sqlx::Error> {
    let entry = sqlx::query(
        "INSERT INTO audit (at, actor, action, summary, generation, details) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )
    .bind(change.at.as_microsecond())
    .bind(&change.actor)
    .bind(&change.action)
    .bind(&change.summary)
    .bind(number.cast_signed())
    .bind(change.details.as_ref().map(ToString::to_string))
    .execute(&mut **transaction)
    .await?;
    record_subjects(transaction, entry.last_insert_rowid(), &change.subjects).await
}

/// One statement from JSON: a first apply may have ten thousand subjects. In their
/// order, so that each page of the table is written once.
async fn record_subjects(
    transaction: &mut Transaction<'_, Sqlite>,
    number: i64,
    subjects: &[String],
) -> Result<(), sqlx::Error> {
    if subjects.is_empty() {
        return Ok(());
    }
    let subjects = serde_json::to_string(subjects).map_err(|error| sqlx::Error::Encode(error.into()))?;
    sqlx::query(
        "INSERT OR IGNORE INTO audit_subjects (subject, audit) SELECT value, ?1 FROM json_each(?2) ORDER BY value",
    )
    .bind(number)
    .bind(subjects)
    .execute(&mut **transaction)
    .await
    .map(drop)
}

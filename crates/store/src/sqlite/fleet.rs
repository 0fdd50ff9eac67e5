//! Generations, each a document, and the newest the fleet in force.

use std::sync::Arc;

use relay_domain::{Fleet, Generation, Timestamp};
use sqlx::{Sqlite, SqliteConnection, SqlitePool, Transaction};

use super::{corrupt, fault, timestamp, trail};
use crate::packed::{pack, unpack};
use crate::records::FleetRecords;
use crate::{GenerationFilter, GenerationRecord, Keyring, Publication, PublishError, StoreError};

pub(super) async fn current(readers: &SqlitePool, keyring: &Keyring) -> Result<Fleet, StoreError> {
    let mut connection = readers.acquire().await.map_err(fault)?;
    let generation = newest(&mut connection).await.map_err(fault)?;
    // The newest is never forgotten, so one that was published since takes nothing away.
    match records(&mut connection, generation).await? {
        Some(records) => records.open(generation, keyring),
        None => Ok(Fleet { generation, ..Fleet::default() }),
    }
}

pub(super) async fn current_generation(readers: &SqlitePool) -> Result<Generation, StoreError> {
    let mut connection = readers.acquire().await.map_err(fault)?;
    newest(&mut connection).await.map_err(fault)
}

async fn newest(connection: &mut SqliteConnection) -> Result<Generation, sqlx::Error> {
    let number: i64 =
        sqlx::query_scalar("SELECT COALESCE(MAX(number), 0) FROM generations").fetch_one(connection).await?;
    Ok(number.cast_unsigned())
}

pub(super) async fn at(
    readers: &SqlitePool,
    keyring: &Keyring,
    generation: Generation,
) -> Result<Option<Fleet>, StoreError> {
    if generation == 0 {
        return Ok(Some(Fleet::default()));
    }
    let mut connection = readers.acquire().await.map_err(fault)?;
    let records = records(&mut connection, generation).await?;
    records.map(|records| records.open(generation, keyring)).transpose()
}

/// The fleet of a generation with its secrets sealed; `None` when it was forgotten or never was.
pub(super) async fn records(
    connection: &mut SqliteConnection,
    generation: Generation,
) -> Result<Option<FleetRecords<'static>>, StoreError> {
    let Ok(number) = i64::try_from(generation) else { return Ok(None) };
    let packed: Option<(Vec<u8>, Option<Vec<u8>>)> = sqlx::query_as(
        "SELECT document.fleet, base.fleet
         FROM generation_documents AS document LEFT JOIN generation_documents AS base ON base.generation = document.base
         WHERE document.generation = ?1 AND NOT document.forgotten",
    )
    .bind(number)
    .fetch_optional(connection)
    .await
    .map_err(fault)?;
    let Some((packed, base)) = packed else { return Ok(None) };
    let what = format!("the fleet of generation {generation}");
    let base = base.map(|base| unpack(base, None)).transpose().map_err(corrupt(what.as_str()))?;
    let text = unpack(packed, base.as_deref()).map_err(corrupt(what.as_str()))?;
    serde_json::from_slice(&text).map(Some).map_err(corrupt(what))
}

pub(super) async fn publish(
    (readers, writer): (&SqlitePool, &SqlitePool),
    keyring: &Arc<Keyring>,
    change: Publication,
) -> Result<Generation, PublishError> {
    let base = base(readers, change.based_on).await?;
    let document = packed_apart(Arc::clone(&change.fleet), Arc::clone(keyring), base).await?;
    // Immediate: the write lock is taken before the current generation is read,
    // so that of two publishers, in whatever processes, one sees the other's.
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(fault)?;
    let current = newest(&mut transaction).await.map_err(fault)?;
    if current != change.based_on {
        return Err(PublishError::Conflict { based_on: change.based_on, current });
    }
    let number = current + 1;
    record_generation(&mut transaction, number, &change, &document).await.map_err(fault)?;
    trail::record_publication(&mut transaction, number, &change).await.map_err(fault)?;
    transaction.commit().await.map_err(fault)?;
    Ok(number)
}

/// A generation's fleet as it is written: alone, or as changes of an earlier one's.
struct Document {
    base: Option<i64>,
    fleet: Vec<u8>,
}

/// A fleet that stands alone, as it is kept.
struct Base {
    generation: i64,
    packed: Vec<u8>,
}

/// What the generation after `based_on` may be written as changes of. Never of
/// changes: reading takes two documents, however many generations there are.
async fn base(readers: &SqlitePool, based_on: Generation) -> Result<Option<Base>, StoreError> {
    let base: Option<(i64, Vec<u8>)> = sqlx::query_as(
        "SELECT generation, fleet FROM generation_documents
         WHERE generation = (SELECT COALESCE(base, generation) FROM generation_documents WHERE generation = ?1)",
    )
    .bind(based_on.cast_signed())
    .fetch_optional(readers)
    .await
    .map_err(fault)?;
    Ok(base.map(|(generation, packed)| Base { generation, packed }))
}

/// Checks, seals and packs a fleet, off the runtime's threads: megabytes take tens of milliseconds.
async fn packed_apart(fleet: Arc<Fleet>, keyring: Arc<Keyring>, base: Option<Base>) -> Result<Document, PublishError> {
    let packed = tokio::task::spawn_blocking(move || {
        let records = FleetRecords::seal(&fleet, &keyring);
        records.check()?;
        packed(&records, base).map_err(unavailable)
    });
    packed.await.map_err(std::io::Error::other).map_err(unavailable)?
}

fn unavailable(error: std::io::Error) -> PublishError {
    StoreError::Unavailable(error.into()).into()
}

fn packed(records: &FleetRecords<'_>, base: Option<Base>) -> Result<Document, std::io::Error> {
    let Some(Base { generation, packed }) = base else {
        return Ok(Document { base: None, fleet: pack(&serde_json::to_vec(records)?, None)? });
    };
    let room = packed.len() / 2;
    let base = unpack(packed, None)?;
    // Mostly it is as long as what it is based on: growing step by step would copy the most of it.
    let mut text = Vec::with_capacity(base.len() + base.len() / 8);
    serde_json::to_writer(&mut text, records)?;
    let fleet = pack(&text, Some(&base))?;
    // Past half of what it is based on, a document of its own is the better base for those to come.
    if fleet.len() <= room {
        return Ok(Document { base: Some(generation), fleet });
    }
    Ok(Document { base: None, fleet: pack(&text, None)? })
}

async fn record_generation(
    transaction: &mut Transaction<'_, Sqlite>,
    number: Generation,
    change: &Publication,
    document: &Document,
) -> Result<(), sqlx::Error> {
    let number = number.cast_signed();
    sqlx::query("INSERT INTO generations (number, at, actor, summary) VALUES (?1, ?2, ?3, ?4)")
        .bind(number)
        .bind(change.at.as_microsecond())
        .bind(&change.actor)
        .bind(&change.summary)
        .execute(&mut **transaction)
        .await?;
    sqlx::query("INSERT INTO generation_diffs (generation, diff) VALUES (?1, ?2)")
        .bind(number)
        .bind(pack(change.diff.to_string().as_bytes(), None)?)
        .execute(&mut **transaction)
        .await?;
    sqlx::query("INSERT INTO generation_documents (generation, base, fleet) VALUES (?1, ?2, ?3)")
        .bind(number)
        .bind(document.base)
        .bind(&document.fleet)
        .execute(&mut **transaction)
        .await
        .map(drop)
}

pub(super) async fn generations(
    readers: &SqlitePool,
    filter: &GenerationFilter,
    before: Option<Generation>,
    limit: u32,
) -> Result<Vec<GenerationRecord>, StoreError> {
    let rows: Vec<(i64, i64, String, String)> = sqlx::query_as(
        "SELECT number, at, actor, summary FROM generations
         WHERE number < ?1 AND (?2 IS NULL OR actor = ?2) AND (?3 IS NULL OR at >= ?3) AND (?4 IS NULL OR at < ?4)
         ORDER BY number DESC LIMIT ?5",
    )
    .bind(before.map_or(i64::MAX, |before| i64::try_from(before).unwrap_or(i64::MAX)))
    .bind(filter.actor.as_deref())
    .bind(filter.from.map(Timestamp::as_microsecond))
    .bind(filter.to.map(Timestamp::as_microsecond))
    .bind(limit)
    .fetch_all(readers)
    .await
    .map_err(fault)?;
    rows.into_iter()
        .map(|(number, at, actor, summary)| {
            let at = timestamp(&format!("generation {number}"), at)?;
            Ok(GenerationRecord { number: number.cast_unsigned(), at, actor, summary })
        })
        .collect()
}

pub(super) async fn diff(
    readers: &SqlitePool,
    generation: Generation,
) -> Result<Option<serde_json::Value>, StoreError> {
    let Ok(number) = i64::try_from(generation) else { return Ok(None) };
    let packed: Option<Vec<u8>> = sqlx::query_scalar("SELECT diff FROM generation_diffs WHERE generation = ?1")
        .bind(number)
        .fetch_optional(readers)
        .await
        .map_err(fault)?;
    packed.map(|packed| opened_diff(generation, packed)).transpose()
}

/// A diff from its column.
pub(super) fn opened_diff(generation: Generation, packed: Vec<u8>) -> Result<serde_json::Value, StoreError> {
    let what = format!("the diff of generation {generation}");
    let text = unpack(packed, None).map_err(corrupt(what.as_str()))?;
    serde_json::from_slice(&text).map_err(corrupt(what))
}

pub(super) async fn forget(writer: &SqlitePool, older_than: Timestamp) -> Result<u64, StoreError> {
    let mut transaction = writer.begin().await.map_err(fault)?;
    let forgotten = sqlx::query(
        "UPDATE generation_documents SET forgotten = TRUE
         WHERE NOT forgotten AND generation < (SELECT MAX(number) FROM generations)
           AND generation IN (SELECT number FROM generations WHERE at < ?1)",
    )
    .bind(older_than.as_microsecond())
    .execute(&mut *transaction)
    .await
    .map_err(fault)?;
    // What another is kept as changes of stays until that is forgotten too.
    sqlx::query(
        "DELETE FROM generation_documents
         WHERE forgotten
           AND generation NOT IN (SELECT base FROM generation_documents WHERE base IS NOT NULL AND NOT forgotten)",
    )
    .execute(&mut *transaction)
    .await
    .map_err(fault)?;
    transaction.commit().await.map_err(fault)?;
    Ok(forgotten.rows_affected())
}

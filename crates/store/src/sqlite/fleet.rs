//! The fleet and its generations.

use std::collections::HashMap;

use relay_domain::{Fleet, Generation, Timestamp};
use sqlx::{Sqlite, SqliteConnection, SqlitePool, Transaction};

use super::{corrupt, fault, timestamp, trail};
use crate::records::{FleetRecords, KeyRecord};
use crate::{GenerationFilter, GenerationRecord, Keyring, Publication, PublishError, StoreError};

pub(super) async fn current(readers: &SqlitePool, keyring: &Keyring) -> Result<Fleet, StoreError> {
    // One read transaction, so that all rows are of one generation.
    let mut snapshot = readers.begin().await.map_err(fault)?;
    let generation = newest(&mut snapshot).await.map_err(fault)?;
    let records = rows(&mut snapshot).await.map_err(fault)?;
    snapshot.commit().await.map_err(fault)?;
    records.open(generation, keyring)
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

async fn rows(connection: &mut SqliteConnection) -> Result<FleetRecords, sqlx::Error> {
    let hosts = sqlx::query_as(
        "SELECT host_id, kind, base_url, allow_private, enabled, admin_email, admin_secret, admin_source,
                gateway_key, gateway_key_source, ask_usage
         FROM hosts ORDER BY position",
    );
    let groups = sqlx::query_as(
        "SELECT logical_group_id, enabled, sticky_scope, sticky_ttl_us, failback, retry_on_timeout,
                rpm, tpm, tpd, concurrency, budgets, price_ratio, drain_limit_us
         FROM logical_groups ORDER BY position",
    );
    let routes = sqlx::query_as(
        "SELECT route_id, name, logical_group_id, public_model, host_id, shadow_group, shadow_model,
                priority, weight, credential, enabled, multiplier, recharge_ratio
         FROM routes ORDER BY position",
    );
    Ok(FleetRecords {
        hosts: hosts.fetch_all(&mut *connection).await?,
        groups: groups.fetch_all(&mut *connection).await?,
        routes: routes.fetch_all(&mut *connection).await?,
        keys: keys(connection).await?,
    })
}

async fn keys(connection: &mut SqliteConnection) -> Result<Vec<KeyRecord>, sqlx::Error> {
    let mut keys: Vec<KeyRecord> = sqlx::query_as(
        "SELECT key_id, hash, source, enabled, expires_at, subject_id, subscription_user, expose_routing,
                rpm, tpm, tpd, concurrency, label, origin, previous_hash, previous_until, models, allowed_ips, budgets
         FROM consumer_keys ORDER BY position",
    )
    .fetch_all(&mut *connection)
    .await?;
    let groups: Vec<(String, String)> =
        sqlx::query_as("SELECT key_id, logical_group_id FROM consumer_key_groups ORDER BY key_id, position")
            .fetch_all(connection)
            .await?;
    let mut groups_of: HashMap<String, Vec<String>> = HashMap::new();
    for (key, group) in groups {
        groups_of.entry(key).or_default().push(group);
    }
    for key in &mut keys {
        key.groups = groups_of.remove(&key.key_id).unwrap_or_default();
    }
    Ok(keys)
}

pub(super) async fn publish(
    writer: &SqlitePool,
    keyring: &Keyring,
    change: Publication,
) -> Result<Generation, PublishError> {
    let records = FleetRecords::seal(&change.fleet, keyring);
    // Immediate: the write lock is taken before the current generation is read,
    // so that of two publishers, in whatever processes, one sees the other's.
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(fault)?;
    let current = newest(&mut transaction).await.map_err(fault)?;
    if current != change.based_on {
        return Err(PublishError::Conflict { based_on: change.based_on, current });
    }
    let number = current + 1;
    record_generation(&mut transaction, number, &change, &records).await.map_err(fault)?;
    replace_rows(&mut transaction, &records).await?;
    trail::record_publication(&mut transaction, number, &change).await.map_err(fault)?;
    transaction.commit().await.map_err(fault)?;
    Ok(number)
}

async fn record_generation(
    transaction: &mut Transaction<'_, Sqlite>,
    number: Generation,
    change: &Publication,
    records: &FleetRecords,
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO generations (number, at, actor, summary, diff) VALUES (?1, ?2, ?3, ?4, ?5)")
        .bind(number.cast_signed())
        .bind(change.at.as_microsecond())
        .bind(&change.actor)
        .bind(&change.summary)
        .bind(change.diff.to_string())
        .execute(&mut **transaction)
        .await?;
    sqlx::query("INSERT INTO generation_fleets (generation, document) VALUES (?1, ?2)")
        .bind(number.cast_signed())
        .bind(json(records)?)
        .execute(&mut **transaction)
        .await
        .map(drop)
}

/// The statements that empty the tables, those that refer to others first.
const EMPTY: [&str; 5] = [
    "DELETE FROM routes",
    "DELETE FROM consumer_key_groups",
    "DELETE FROM consumer_keys",
    "DELETE FROM logical_groups",
    "DELETE FROM hosts",
];

const INSERT_HOSTS: &str = "
    INSERT INTO hosts
    SELECT value->>'host_id', key, value->>'kind', value->>'base_url', value->>'allow_private', value->>'enabled',
           value->>'admin_email', value->>'admin_secret', value->>'admin_source',
           value->>'gateway_key', value->>'gateway_key_source', value->>'ask_usage'
    FROM json_each(?1)";

const INSERT_GROUPS: &str = "
    INSERT INTO logical_groups
    SELECT value->>'logical_group_id', key, value->>'enabled', value->>'sticky_scope', value->>'sticky_ttl_us',
           value->>'failback', value->>'retry_on_timeout', value->>'rpm', value->>'tpm', value->>'tpd',
           value->>'concurrency', value->>'budgets', value->>'price_ratio', value->>'drain_limit_us'
    FROM json_each(?1)";

const INSERT_ROUTES: &str = "
    INSERT INTO routes
    SELECT value->>'route_id', key, value->>'name', value->>'logical_group_id', value->>'public_model',
           value->>'host_id', value->>'shadow_group', value->>'shadow_model', value->>'priority', value->>'weight',
           value->>'credential', value->>'enabled', value->>'multiplier', value->>'recharge_ratio'
    FROM json_each(?1)";

const INSERT_KEYS: &str = "
    INSERT INTO consumer_keys
    SELECT value->>'key_id', key, value->>'hash', value->>'source', value->>'enabled', value->>'expires_at',
           value->>'subject_id', value->>'subscription_user', value->>'expose_routing',
           value->>'rpm', value->>'tpm', value->>'tpd', value->>'concurrency', value->>'label', value->>'origin',
           value->>'previous_hash', value->>'previous_until', value->>'models', value->>'allowed_ips', value->>'budgets'
    FROM json_each(?1)";

const INSERT_KEY_GROUPS: &str = "
    INSERT INTO consumer_key_groups
    SELECT owner.value->>'key_id', member.key, member.value
    FROM json_each(?1) AS owner, json_each(owner.value, '$.groups') AS member";

/// Replaces the rows of every noun. Each table is filled by one statement from
/// JSON: ten thousand routes then cost one round trip, not ten thousand.
async fn replace_rows(transaction: &mut Transaction<'_, Sqlite>, records: &FleetRecords) -> Result<(), PublishError> {
    for statement in EMPTY {
        sqlx::query(statement).execute(&mut **transaction).await.map_err(fault)?;
    }
    let keys = json(&records.keys).map_err(fault)?;
    for (noun, statement, rows) in [
        ("hosts", INSERT_HOSTS, json(&records.hosts).map_err(fault)?),
        ("groups", INSERT_GROUPS, json(&records.groups).map_err(fault)?),
        ("routes", INSERT_ROUTES, json(&records.routes).map_err(fault)?),
        ("keys", INSERT_KEYS, keys.clone()),
        ("groups of keys", INSERT_KEY_GROUPS, keys),
    ] {
        sqlx::query(statement)
            .bind(rows)
            .execute(&mut **transaction)
            .await
            .map_err(|error| inconsistent_or_fault(noun, error))?;
    }
    Ok(())
}

fn inconsistent_or_fault(noun: &str, error: sqlx::Error) -> PublishError {
    use sqlx::error::ErrorKind;
    match &error {
        sqlx::Error::Database(broken) if !matches!(broken.kind(), ErrorKind::Other) => {
            PublishError::Inconsistent { reason: format!("{noun}: {}", broken.message()) }
        }
        _ => fault(error).into(),
    }
}

fn json(value: &impl serde::Serialize) -> Result<String, sqlx::Error> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(error.into()))
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
    let diff: Option<String> = sqlx::query_scalar("SELECT diff FROM generations WHERE number = ?1")
        .bind(number)
        .fetch_optional(readers)
        .await
        .map_err(fault)?;
    diff.map(|diff| serde_json::from_str(&diff).map_err(corrupt(format!("generation {generation}")))).transpose()
}

pub(super) async fn at(
    readers: &SqlitePool,
    keyring: &Keyring,
    generation: Generation,
) -> Result<Option<Fleet>, StoreError> {
    if generation == 0 {
        return Ok(Some(Fleet::default()));
    }
    let Ok(number) = i64::try_from(generation) else { return Ok(None) };
    let document: Option<String> = sqlx::query_scalar("SELECT document FROM generation_fleets WHERE generation = ?1")
        .bind(number)
        .fetch_optional(readers)
        .await
        .map_err(fault)?;
    let Some(document) = document else { return Ok(None) };
    let records: FleetRecords =
        serde_json::from_str(&document).map_err(corrupt(format!("the fleet of generation {generation}")))?;
    records.open(generation, keyring).map(Some)
}

pub(super) async fn forget(writer: &SqlitePool, older_than: Timestamp) -> Result<u64, StoreError> {
    sqlx::query(
        "DELETE FROM generation_fleets
         WHERE generation < (SELECT MAX(number) FROM generations)
           AND generation IN (SELECT number FROM generations WHERE at < ?1)",
    )
    .bind(older_than.as_microsecond())
    .execute(writer)
    .await
    .map(|done| done.rows_affected())
    .map_err(fault)
}

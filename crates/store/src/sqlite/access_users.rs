//! Users that we made on hosts, and what hosts say of quotas.

use relay_domain::HostId;
use sqlx::SqlitePool;

use super::{access, corrupt, fault, timestamp};
use crate::{AccessUser, GrantName, Keyring, StoreError, UsageRecord};

/// Whom a sealed password belongs to.
fn owner(host: &HostId, user: &str) -> String {
    format!("access/{host}/{user}/password")
}

#[derive(sqlx::FromRow)]
struct Row {
    password: String,
    password_generation: i64,
    wanted_password_generation: i64,
    password_set: bool,
    updated_at: i64,
}

pub(super) async fn user(
    readers: &SqlitePool,
    keyring: &Keyring,
    host: &HostId,
    user: &str,
) -> Result<Option<AccessUser>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT password, password_generation, wanted_password_generation, password_set, updated_at
         FROM access_users WHERE host_id = ?1 AND subscription_user = ?2",
    )
    .bind(host.as_str())
    .bind(user)
    .fetch_optional(readers)
    .await
    .map_err(fault)?;
    let Some(row) = row else { return Ok(None) };
    let what = owner(host, user);
    let number = |number: i64| u32::try_from(number).map_err(corrupt(&what));
    Ok(Some(AccessUser {
        host: host.clone(),
        user: user.into(),
        password: keyring
            .open(&what, &row.password)
            .map_err(|source| StoreError::Sealed { what: what.clone(), source })?,
        password_generation: number(row.password_generation)?,
        wanted_password_generation: number(row.wanted_password_generation)?,
        password_set: row.password_set,
        updated_at: timestamp(&what, row.updated_at)?,
    }))
}

pub(super) async fn put(writer: &SqlitePool, keyring: &Keyring, user: &AccessUser) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO access_users (host_id, subscription_user, password, password_generation,
             wanted_password_generation, password_set, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (host_id, subscription_user) DO UPDATE SET
             password = excluded.password, password_generation = excluded.password_generation,
             wanted_password_generation = MAX(wanted_password_generation, excluded.wanted_password_generation),
             password_set = excluded.password_set, updated_at = excluded.updated_at",
    )
    .bind(user.host.as_str())
    .bind(&*user.user)
    .bind(keyring.seal(&owner(&user.host, &user.user), &user.password))
    .bind(user.password_generation)
    .bind(user.wanted_password_generation)
    .bind(user.password_set)
    .bind(user.updated_at.as_microsecond())
    .execute(writer)
    .await
    .map(drop)
    .map_err(fault)
}

pub(super) async fn put_usage(writer: &SqlitePool, records: &[UsageRecord]) -> Result<(), StoreError> {
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(fault)?;
    for record in records {
        sqlx::query(
            "INSERT INTO access_usage (host_id, subscription_user, group_id, observed_at, document)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (host_id, subscription_user, group_id) DO UPDATE
                 SET observed_at = excluded.observed_at, document = excluded.document",
        )
        .bind(record.name.host.as_str())
        .bind(&*record.name.user)
        .bind(record.name.group_id)
        .bind(record.observed_at.as_microsecond())
        .bind(record.document.to_string())
        .execute(&mut *transaction)
        .await
        .map_err(fault)?;
    }
    transaction.commit().await.map_err(fault)
}

pub(super) async fn usage_of(readers: &SqlitePool, name: &GrantName) -> Result<Option<UsageRecord>, StoreError> {
    let row: Option<(String, String, i64, i64, String)> = sqlx::query_as(
        "SELECT host_id, subscription_user, group_id, observed_at, document FROM access_usage
         WHERE host_id = ?1 AND subscription_user = ?2 AND group_id = ?3",
    )
    .bind(name.host.as_str())
    .bind(&*name.user)
    .bind(name.group_id)
    .fetch_optional(readers)
    .await
    .map_err(fault)?;
    let Some((host, user, group_id, observed_at, document)) = row else { return Ok(None) };
    let what = format!("the usage of {name}");
    Ok(Some(UsageRecord {
        name: access::name(&what, &host, &user, group_id)?,
        observed_at: timestamp(&what, observed_at)?,
        document: serde_json::from_str(&document).map_err(corrupt(what))?,
    }))
}

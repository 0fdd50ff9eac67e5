//! Issues of the keys of grants.

use relay_domain::HostId;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, Sqlite, SqlitePool, Transaction};

use super::{corrupt, fault, timestamp};
use crate::{AccessKey, GrantName, KeyState, Keyring, StoreError};

/// Whom a sealed key belongs to.
fn owner(name: &GrantName, generation: u32) -> String {
    format!("access/{}/{}/{}/{generation}", name.host, name.user, name.group_id)
}

#[derive(sqlx::FromRow)]
pub(super) struct KeyRow {
    generation: i64,
    state: String,
    made: bool,
    remote_id: Option<i64>,
    secret: Option<String>,
    fingerprint: String,
    begun_at: i64,
    retire_at: Option<i64>,
}

impl KeyRow {
    /// From a row that also holds a grant, whose state and generation have the bare names.
    pub(super) fn joined(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            generation: row.try_get("key_generation")?,
            state: row.try_get("key_state")?,
            made: row.try_get("made")?,
            remote_id: row.try_get("remote_id")?,
            secret: row.try_get("secret")?,
            fingerprint: row.try_get("fingerprint")?,
            begun_at: row.try_get("begun_at")?,
            retire_at: row.try_get("retire_at")?,
        })
    }

    pub(super) fn read(self, keyring: &Keyring, name: &GrantName) -> Result<AccessKey, StoreError> {
        let generation = u32::try_from(self.generation).map_err(corrupt(format!("a key of {name}")))?;
        let what = owner(name, generation);
        let secret = match self.secret {
            Some(sealed) => {
                Some(keyring.open(&what, &sealed).map_err(|source| StoreError::Sealed { what: what.clone(), source })?)
            }
            None => None,
        };
        Ok(AccessKey {
            generation,
            state: self.state.parse().map_err(corrupt::<crate::UnknownWord>(&what))?,
            made: self.made,
            remote_id: self.remote_id,
            secret,
            fingerprint: self.fingerprint.into(),
            begun_at: timestamp(&what, self.begun_at)?,
            retire_at: self.retire_at.map(|at| timestamp(&what, at)).transpose()?,
        })
    }
}

pub(super) async fn of(
    readers: &SqlitePool,
    keyring: &Keyring,
    name: &GrantName,
) -> Result<Vec<AccessKey>, StoreError> {
    let rows: Vec<KeyRow> = sqlx::query_as(
        "SELECT generation, state, made, remote_id, secret, fingerprint, begun_at, retire_at FROM access_keys
         WHERE host_id = ?1 AND subscription_user = ?2 AND group_id = ?3 ORDER BY generation DESC",
    )
    .bind(name.host.as_str())
    .bind(&*name.user)
    .bind(name.group_id)
    .fetch_all(readers)
    .await
    .map_err(fault)?;
    rows.into_iter().map(|row| row.read(keyring, name)).collect()
}

pub(super) async fn put(
    transaction: &mut Transaction<'_, Sqlite>,
    keyring: &Keyring,
    name: &GrantName,
    key: &AccessKey,
) -> Result<(), sqlx::Error> {
    let secret = key.secret.as_ref().filter(|_| key.state != KeyState::Retired);
    sqlx::query(
        "INSERT INTO access_keys (host_id, subscription_user, group_id, generation, state, made, remote_id, secret,
             fingerprint, begun_at, retire_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (host_id, subscription_user, group_id, generation) DO UPDATE SET
             state = excluded.state, made = excluded.made, remote_id = excluded.remote_id, secret = excluded.secret,
             fingerprint = excluded.fingerprint, retire_at = excluded.retire_at",
    )
    .bind(name.host.as_str())
    .bind(&*name.user)
    .bind(name.group_id)
    .bind(key.generation)
    .bind(key.state.as_str())
    .bind(key.made)
    .bind(key.remote_id)
    .bind(secret.map(|secret| keyring.seal(&owner(name, key.generation), secret)))
    .bind(&*key.fingerprint)
    .bind(key.begun_at.as_microsecond())
    .bind(key.retire_at.map(relay_domain::Timestamp::as_microsecond))
    .execute(&mut **transaction)
    .await
    .map(drop)
}

pub(super) async fn remote(readers: &SqlitePool, host: &HostId) -> Result<Vec<(GrantName, i64)>, StoreError> {
    let rows: Vec<(String, i64, i64)> = sqlx::query_as(
        "SELECT subscription_user, group_id, remote_id FROM access_keys
         WHERE host_id = ?1 AND remote_id IS NOT NULL ORDER BY subscription_user, group_id, generation",
    )
    .bind(host.as_str())
    .fetch_all(readers)
    .await
    .map_err(fault)?;
    let named =
        |(user, group_id, id): (String, i64, i64)| (GrantName { host: host.clone(), user: user.into(), group_id }, id);
    Ok(rows.into_iter().map(named).collect())
}

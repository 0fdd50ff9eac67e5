//! Grants of managed access.

use async_trait::async_trait;
use relay_domain::{HostId, Timestamp};
use serde_json::json;
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row as _, Sqlite, SqlitePool, Transaction};

use super::{SqliteStore, access_keys, access_users, corrupt, fault, timestamp};
use crate::{
    AccessChange, AccessKey, AccessStore, AccessUser, Grant, GrantCounts, GrantFilter, GrantName, GrantState, Keyring,
    ResourceKind, StoreError, UsageRecord,
};

#[async_trait]
impl AccessStore for SqliteStore {
    async fn grant(&self, name: &GrantName) -> Result<Option<Grant>, StoreError> {
        grant(&self.readers, name).await
    }

    async fn grants(&self, filter: &GrantFilter, after: Option<i64>, limit: u32) -> Result<Vec<Grant>, StoreError> {
        grants(&self.readers, filter, after, limit).await
    }

    async fn grants_with_keys(
        &self,
        filter: &GrantFilter,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<(Grant, Option<AccessKey>)>, StoreError> {
        grants_with_keys(&self.readers, &self.keyring, filter, after, limit).await
    }

    async fn due_grants(&self, now: Timestamp, except: &[HostId], limit: u32) -> Result<Vec<Grant>, StoreError> {
        due(&self.readers, now, except, limit).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        next_due(&self.readers).await
    }

    async fn grant_counts(&self, filter: &GrantFilter) -> Result<GrantCounts, StoreError> {
        counts(&self.readers, filter).await
    }

    async fn ask_for_grants(&self, names: &[GrantName], revive: bool, at: Timestamp) -> Result<u64, StoreError> {
        ask(&self.writer, names, revive, at).await
    }

    async fn ask_for_rotation(&self, filter: &GrantFilter, leaked: bool, at: Timestamp) -> Result<u64, StoreError> {
        ask_for_rotation(&self.writer, filter, leaked, at).await
    }

    async fn ask_for_revocation(&self, filter: &GrantFilter, at: Timestamp) -> Result<u64, StoreError> {
        ask_for_revocation(&self.writer, filter, at).await
    }

    async fn change_access(&self, changes: AccessChange<'_>) -> Result<Grant, StoreError> {
        change(&self.writer, &self.keyring, changes).await
    }

    async fn access_keys(&self, name: &GrantName) -> Result<Vec<AccessKey>, StoreError> {
        access_keys::of(&self.readers, &self.keyring, name).await
    }

    async fn remote_keys(&self, host: &HostId) -> Result<Vec<(GrantName, i64)>, StoreError> {
        access_keys::remote(&self.readers, host).await
    }

    async fn access_user(&self, host: &HostId, user: &str) -> Result<Option<AccessUser>, StoreError> {
        access_users::user(&self.readers, &self.keyring, host, user).await
    }

    async fn put_access_user(&self, user: &AccessUser) -> Result<(), StoreError> {
        access_users::put(&self.writer, &self.keyring, user).await
    }

    async fn put_usage(&self, records: &[UsageRecord]) -> Result<(), StoreError> {
        access_users::put_usage(&self.writer, records).await
    }

    async fn usage_of(&self, name: &GrantName) -> Result<Option<UsageRecord>, StoreError> {
        access_users::usage_of(&self.readers, name).await
    }
}

macro_rules! columns {
    () => {
        "id, host_id, subscription_user, group_id, want, state, step, base_url, user_id, subscription_id,
         subscription_made, expires_at, extending_from, generation, wanted_generation, leaked, failures, problem,
         due_at, recorded_at, updated_at"
    };
}

/// What a [`GrantFilter`] admits; its values are ?1 to ?4.
macro_rules! admitted {
    () => {
        "(?1 IS NULL OR g.host_id = ?1) AND (?2 IS NULL OR g.subscription_user = ?2)
         AND (?3 IS NULL OR g.group_id = ?3) AND (?4 IS NULL OR g.state = ?4)"
    };
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    host_id: String,
    subscription_user: String,
    group_id: i64,
    want: String,
    state: String,
    step: String,
    base_url: String,
    user_id: Option<i64>,
    subscription_id: Option<i64>,
    subscription_made: bool,
    expires_at: Option<i64>,
    extending_from: Option<i64>,
    generation: i64,
    wanted_generation: i64,
    leaked: bool,
    failures: i64,
    problem: Option<String>,
    due_at: Option<i64>,
    recorded_at: i64,
    updated_at: i64,
}

impl Row {
    fn read(self) -> Result<Grant, StoreError> {
        let what = format!("grant {}", self.id);
        let time = |at: Option<i64>| at.map(|at| timestamp(&what, at)).transpose();
        let number = |number: i64| u32::try_from(number).map_err(corrupt(&what));
        Ok(Grant {
            id: self.id,
            name: name(&what, &self.host_id, &self.subscription_user, self.group_id)?,
            want: self.want.parse().map_err(corrupt::<crate::UnknownWord>(&what))?,
            state: self.state.parse().map_err(corrupt::<crate::UnknownWord>(&what))?,
            step: self.step.parse().map_err(corrupt::<crate::UnknownWord>(&what))?,
            base_url: self.base_url,
            user_id: self.user_id,
            subscription_id: self.subscription_id,
            subscription_made: self.subscription_made,
            expires_at: time(self.expires_at)?,
            extending_from: time(self.extending_from)?,
            generation: number(self.generation)?,
            wanted_generation: number(self.wanted_generation)?,
            leaked: self.leaked,
            failures: number(self.failures)?,
            problem: match self.problem {
                Some(text) => Some(serde_json::from_str(&text).map_err(corrupt(&what))?),
                None => None,
            },
            due_at: time(self.due_at)?,
            recorded_at: timestamp(&what, self.recorded_at)?,
            updated_at: timestamp(&what, self.updated_at)?,
        })
    }
}

pub(super) fn name(what: &str, host: &str, user: &str, group_id: i64) -> Result<GrantName, StoreError> {
    Ok(GrantName { host: HostId::new(host).map_err(corrupt(what))?, user: user.into(), group_id })
}

fn read_all(rows: Vec<Row>) -> Result<Vec<Grant>, StoreError> {
    rows.into_iter().map(Row::read).collect()
}

fn by_name(name: &GrantName) -> GrantFilter {
    GrantFilter {
        host: Some(name.host.clone()),
        user: Some(name.user.to_string()),
        group_id: Some(name.group_id),
        state: None,
    }
}

async fn grant(readers: &SqlitePool, name: &GrantName) -> Result<Option<Grant>, StoreError> {
    let found = grants(readers, &by_name(name), None, 1).await?;
    Ok(found.into_iter().next())
}

async fn grants(
    readers: &SqlitePool,
    filter: &GrantFilter,
    after: Option<i64>,
    limit: u32,
) -> Result<Vec<Grant>, StoreError> {
    let rows = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM access_grants AS g WHERE ",
        admitted!(),
        " AND g.id > ?5 ORDER BY g.id LIMIT ?6"
    ))
    .bind(filter.host.as_ref().map(HostId::as_str))
    .bind(filter.user.as_deref())
    .bind(filter.group_id)
    .bind(filter.state.map(GrantState::as_str))
    .bind(after.unwrap_or(0))
    .bind(limit)
    .fetch_all(readers)
    .await
    .map_err(fault)?;
    read_all(rows)
}

async fn grants_with_keys(
    readers: &SqlitePool,
    keyring: &Keyring,
    filter: &GrantFilter,
    after: Option<i64>,
    limit: u32,
) -> Result<Vec<(Grant, Option<AccessKey>)>, StoreError> {
    let sql = concat!(
        "SELECT g.*, k.generation AS key_generation, k.state AS key_state, k.made, k.remote_id, k.secret, k.fingerprint,
                k.begun_at, k.retire_at
         FROM access_grants AS g LEFT JOIN access_keys AS k
             ON k.host_id = g.host_id AND k.subscription_user = g.subscription_user AND k.group_id = g.group_id
             AND k.generation = g.generation AND k.state = 'live'
         WHERE ",
        admitted!(),
        " AND g.id > ?5 ORDER BY g.id LIMIT ?6"
    );
    let rows: Vec<SqliteRow> = sqlx::query(sql)
        .bind(filter.host.as_ref().map(HostId::as_str))
        .bind(filter.user.as_deref())
        .bind(filter.group_id)
        .bind(filter.state.map(GrantState::as_str))
        .bind(after.unwrap_or(0))
        .bind(limit)
        .fetch_all(readers)
        .await
        .map_err(fault)?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let grant = Row::from_row(row).map_err(fault)?.read()?;
        let has_key = row.try_get::<Option<i64>, _>("key_generation").map_err(fault)?.is_some();
        let key = if has_key {
            let key = access_keys::KeyRow::joined(row).map_err(fault)?;
            Some(key.read(keyring, &grant.name)?)
        } else {
            None
        };
        found.push((grant, key));
    }
    Ok(found)
}

async fn due(readers: &SqlitePool, now: Timestamp, except: &[HostId], limit: u32) -> Result<Vec<Grant>, StoreError> {
    let except: Vec<&str> = except.iter().map(HostId::as_str).collect();
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM access_grants WHERE due_at <= ?1 AND host_id NOT IN (SELECT value FROM json_each(?2))
          ORDER BY due_at, id LIMIT ?3"
    );
    let rows = sqlx::query_as(sql)
        .bind(now.as_microsecond())
        .bind(json!(except).to_string())
        .bind(limit)
        .fetch_all(readers)
        .await
        .map_err(fault)?;
    read_all(rows)
}

async fn next_due(readers: &SqlitePool) -> Result<Option<Timestamp>, StoreError> {
    let next: Option<i64> = sqlx::query_scalar("SELECT MIN(due_at) FROM access_grants WHERE due_at IS NOT NULL")
        .fetch_one(readers)
        .await
        .map_err(fault)?;
    next.map(|next| timestamp("the next due grant", next)).transpose()
}

async fn counts(readers: &SqlitePool, filter: &GrantFilter) -> Result<GrantCounts, StoreError> {
    let sql = concat!(
        "SELECT g.state, COUNT(*),
                SUM((g.want = 'revoked' AND g.state <> 'revoked')
                    OR (g.want = 'granted' AND g.state <> 'refused' AND g.wanted_generation > g.generation))
         FROM access_grants AS g WHERE ",
        admitted!(),
        " GROUP BY g.state"
    );
    let rows: Vec<(String, i64, i64)> = sqlx::query_as(sql)
        .bind(filter.host.as_ref().map(HostId::as_str))
        .bind(filter.user.as_deref())
        .bind(filter.group_id)
        .bind(filter.state.map(GrantState::as_str))
        .fetch_all(readers)
        .await
        .map_err(fault)?;
    let mut counts = GrantCounts::default();
    for (state, count, changing) in rows {
        let state: GrantState = state.parse().map_err(corrupt::<crate::UnknownWord>("the state of a grant"))?;
        let counter = match state {
            GrantState::Pending => &mut counts.pending,
            GrantState::Ready => &mut counts.ready,
            GrantState::Refused => &mut counts.refused,
            GrantState::Revoked => &mut counts.revoked,
        };
        *counter = count.cast_unsigned();
        counts.changing += changing.cast_unsigned();
    }
    Ok(counts)
}

macro_rules! ask {
    ($otherwise:literal) => {
        concat!(
            "INSERT INTO access_grants (host_id, subscription_user, group_id, want, state, step, base_url,
                 subscription_made, generation, wanted_generation, leaked, failures, due_at, recorded_at, updated_at)
             SELECT value->>0, value->>1, value->>2, 'granted', 'pending', 'idle', '', 0, 1, 1, 0, 0, ?2, ?2, ?2
             FROM json_each(?1) WHERE TRUE
             ON CONFLICT (host_id, subscription_user, group_id) ",
            $otherwise
        )
    };
}

const ASK_OR_LEAVE: &str = ask!("DO NOTHING");

const ASK_OR_REVIVE: &str = ask!(
    "DO UPDATE
    SET want = 'granted', state = CASE state WHEN 'revoked' THEN 'pending' ELSE state END,
        due_at = excluded.due_at, updated_at = excluded.updated_at, failures = 0
    WHERE access_grants.want = 'revoked' OR access_grants.state IN ('pending', 'refused')"
);

async fn ask(writer: &SqlitePool, names: &[GrantName], revive: bool, at: Timestamp) -> Result<u64, StoreError> {
    let names: Vec<_> = names.iter().map(|name| json!([name.host.as_str(), name.user, name.group_id])).collect();
    sqlx::query(if revive { ASK_OR_REVIVE } else { ASK_OR_LEAVE })
        .bind(serde_json::Value::from(names).to_string())
        .bind(at.as_microsecond())
        .execute(writer)
        .await
        .map(|done| done.rows_affected())
        .map_err(fault)
}

async fn ask_for_rotation(
    writer: &SqlitePool,
    filter: &GrantFilter,
    leaked: bool,
    at: Timestamp,
) -> Result<u64, StoreError> {
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(fault)?;
    let sql = concat!(
        "UPDATE access_grants AS g
         SET wanted_generation = MAX(wanted_generation, generation + 1), leaked = MAX(leaked, ?5), due_at = ?6,
             updated_at = ?6, failures = 0
         WHERE ",
        admitted!(),
        " AND g.want = 'granted'"
    );
    let asked = sqlx::query(sql)
        .bind(filter.host.as_ref().map(HostId::as_str))
        .bind(filter.user.as_deref())
        .bind(filter.group_id)
        .bind(filter.state.map(GrantState::as_str))
        .bind(leaked)
        .bind(at.as_microsecond())
        .execute(&mut *transaction)
        .await
        .map_err(fault)?
        .rows_affected();
    if leaked {
        sqlx::query(
            "UPDATE access_users
             SET wanted_password_generation = MAX(wanted_password_generation, password_generation + 1), updated_at = ?3
             WHERE (?1 IS NULL OR host_id = ?1) AND (?2 IS NULL OR subscription_user = ?2)",
        )
        .bind(filter.host.as_ref().map(HostId::as_str))
        .bind(filter.user.as_deref())
        .bind(at.as_microsecond())
        .execute(&mut *transaction)
        .await
        .map_err(fault)?;
    }
    transaction.commit().await.map_err(fault)?;
    Ok(asked)
}

async fn ask_for_revocation(writer: &SqlitePool, filter: &GrantFilter, at: Timestamp) -> Result<u64, StoreError> {
    let sql = concat!(
        "UPDATE access_grants AS g SET want = 'revoked', due_at = ?5, updated_at = ?5, failures = 0 WHERE ",
        admitted!(),
        " AND g.state <> 'revoked'"
    );
    sqlx::query(sql)
        .bind(filter.host.as_ref().map(HostId::as_str))
        .bind(filter.user.as_deref())
        .bind(filter.group_id)
        .bind(filter.state.map(GrantState::as_str))
        .bind(at.as_microsecond())
        .execute(writer)
        .await
        .map(|done| done.rows_affected())
        .map_err(fault)
}

/// `want` and what was asked for while the writer worked are kept.
const PUT: &str = concat!(
    "INSERT INTO access_grants (host_id, subscription_user, group_id, want, state, step, base_url, user_id,
        subscription_id, subscription_made, expires_at, extending_from, generation, wanted_generation, leaked, failures,
        problem, due_at, recorded_at, updated_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)
    ON CONFLICT (host_id, subscription_user, group_id) DO UPDATE SET
        state = excluded.state, step = excluded.step, base_url = excluded.base_url, user_id = excluded.user_id,
        subscription_id = excluded.subscription_id, subscription_made = excluded.subscription_made,
        expires_at = excluded.expires_at, extending_from = excluded.extending_from, generation = excluded.generation,
        wanted_generation = MAX(wanted_generation, excluded.wanted_generation),
        leaked = CASE WHEN wanted_generation > excluded.wanted_generation THEN leaked ELSE excluded.leaked END,
        failures = excluded.failures, problem = excluded.problem,
        due_at = CASE WHEN want <> excluded.want OR wanted_generation > excluded.wanted_generation
                 THEN due_at ELSE excluded.due_at END,
        updated_at = excluded.updated_at
    RETURNING ",
    columns!()
);

async fn change(writer: &SqlitePool, keyring: &Keyring, change: AccessChange<'_>) -> Result<Grant, StoreError> {
    let grant = change.grant;
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(fault)?;
    let problem = grant.problem.as_ref().map(|problem| serde_json::to_string(problem).unwrap_or_default());
    let row: Row = sqlx::query_as(PUT)
        .bind(grant.name.host.as_str())
        .bind(&*grant.name.user)
        .bind(grant.name.group_id)
        .bind(grant.want.as_str())
        .bind(grant.state.as_str())
        .bind(grant.step.as_str())
        .bind(&grant.base_url)
        .bind(grant.user_id)
        .bind(grant.subscription_id)
        .bind(grant.subscription_made)
        .bind(grant.expires_at.map(Timestamp::as_microsecond))
        .bind(grant.extending_from.map(Timestamp::as_microsecond))
        .bind(grant.generation)
        .bind(grant.wanted_generation)
        .bind(grant.leaked)
        .bind(grant.failures)
        .bind(problem)
        .bind(grant.due_at.map(Timestamp::as_microsecond))
        .bind(grant.recorded_at.as_microsecond())
        .bind(grant.updated_at.as_microsecond())
        .fetch_one(&mut *transaction)
        .await
        .map_err(fault)?;
    for key in change.keys {
        access_keys::put(&mut transaction, keyring, &grant.name, key).await.map_err(fault)?;
    }
    for (kind, name, id) in change.resources {
        put_resource(&mut transaction, (&grant.name.host, *kind, name), *id, grant.updated_at).await.map_err(fault)?;
    }
    transaction.commit().await.map_err(fault)?;
    row.read()
}

async fn put_resource(
    transaction: &mut Transaction<'_, Sqlite>,
    (host, kind, name): (&HostId, ResourceKind, &str),
    id: Option<i64>,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    let sql = if id.is_some() {
        "INSERT INTO managed_resources (host_id, kind, name, remote_id, recorded_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?5)
         ON CONFLICT (host_id, kind, name) DO UPDATE
             SET remote_id = excluded.remote_id, updated_at = excluded.updated_at
             WHERE managed_resources.remote_id <> excluded.remote_id"
    } else {
        "DELETE FROM managed_resources WHERE host_id = ?1 AND kind = ?2 AND name = ?3"
    };
    let query = sqlx::query(sql).bind(host.as_str()).bind(kind.as_str()).bind(name);
    let query = match id {
        Some(id) => query.bind(id.to_string()).bind(at.as_microsecond()),
        None => query,
    };
    query.execute(&mut **transaction).await.map(drop)
}

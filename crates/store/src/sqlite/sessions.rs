//! Console sessions.

use async_trait::async_trait;
use relay_domain::Timestamp;

use super::{SqliteStore, corrupt, fault, timestamp};
use crate::session::{ConsoleSession, NewSession, SessionHash};
use crate::{AdminToken, SessionStore, StoreError, UnknownRole};

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    user_agent: String,
    created_at: i64,
    last_seen_at: i64,
    token_id: i64,
    label: String,
    role: String,
    token_created_at: i64,
}

impl Row {
    fn read(self) -> Result<ConsoleSession, StoreError> {
        let what = format!("console session {}", self.id);
        let token = AdminToken {
            id: self.token_id,
            role: self.role.parse().map_err(corrupt::<UnknownRole>(&what))?,
            created_at: timestamp(&what, self.token_created_at)?,
            label: self.label,
        };
        Ok(ConsoleSession {
            id: self.id,
            token,
            created_at: timestamp(&what, self.created_at)?,
            last_seen_at: timestamp(&what, self.last_seen_at)?,
            user_agent: self.user_agent,
        })
    }
}

const SESSIONS: &str = "SELECT s.id, s.user_agent, s.created_at, s.last_seen_at,
           t.id AS token_id, t.label, t.role, t.created_at AS token_created_at
      FROM console_sessions s JOIN admin_tokens t ON t.id = s.token_id";

#[async_trait]
impl SessionStore for SqliteStore {
    async fn add_session(&self, session: &NewSession) -> Result<i64, StoreError> {
        sqlx::query_scalar(
            "INSERT INTO console_sessions (hash, token_id, user_agent, created_at, last_seen_at)
             VALUES (?1, ?2, ?3, ?4, ?4) RETURNING id",
        )
        .bind(hex::encode(session.hash.0))
        .bind(session.token_id)
        .bind(&session.user_agent)
        .bind(session.at.as_microsecond())
        .fetch_one(&self.writer)
        .await
        .map_err(fault)
    }

    async fn session_by_hash(&self, hash: &SessionHash) -> Result<Option<ConsoleSession>, StoreError> {
        let sql = format!("{SESSIONS} WHERE s.hash = ?1");
        let row: Option<Row> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(hex::encode(hash.0))
            .fetch_optional(&self.readers)
            .await
            .map_err(fault)?;
        row.map(Row::read).transpose()
    }

    async fn touch_session(&self, id: i64, at: Timestamp) -> Result<(), StoreError> {
        sqlx::query("UPDATE console_sessions SET last_seen_at = max(last_seen_at, ?2) WHERE id = ?1")
            .bind(id)
            .bind(at.as_microsecond())
            .execute(&self.writer)
            .await
            .map(drop)
            .map_err(fault)
    }

    async fn sessions_of(&self, token_id: i64) -> Result<Vec<ConsoleSession>, StoreError> {
        let sql = format!("{SESSIONS} WHERE s.token_id = ?1 ORDER BY s.id DESC");
        let rows: Vec<Row> =
            sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(token_id).fetch_all(&self.readers).await.map_err(fault)?;
        rows.into_iter().map(Row::read).collect()
    }

    async fn remove_session(&self, id: i64) -> Result<bool, StoreError> {
        sqlx::query("DELETE FROM console_sessions WHERE id = ?1")
            .bind(id)
            .execute(&self.writer)
            .await
            .map(|done| done.rows_affected() > 0)
            .map_err(fault)
    }

    async fn remove_sessions_of(&self, token_id: i64) -> Result<u64, StoreError> {
        sqlx::query("DELETE FROM console_sessions WHERE token_id = ?1")
            .bind(token_id)
            .execute(&self.writer)
            .await
            .map(|done| done.rows_affected())
            .map_err(fault)
    }

    async fn forget_sessions(&self, begun_before: Timestamp, used_before: Timestamp) -> Result<u64, StoreError> {
        sqlx::query("DELETE FROM console_sessions WHERE created_at < ?1 OR last_seen_at < ?2")
            .bind(begun_before.as_microsecond())
            .bind(used_before.as_microsecond())
            .execute(&self.writer)
            .await
            .map(|done| done.rows_affected())
            .map_err(fault)
    }
}

//! Admin tokens.

use relay_domain::Timestamp;
use sqlx::SqlitePool;

use super::{corrupt, fault, timestamp};
use crate::{AdminToken, Role, StoreError, TokenHash, TokenRemoval, UnknownRole};

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    label: String,
    role: String,
    created_at: i64,
}

impl Row {
    fn read(self) -> Result<AdminToken, StoreError> {
        let what = format!("admin token {}", self.id);
        Ok(AdminToken {
            id: self.id,
            role: self.role.parse().map_err(corrupt::<UnknownRole>(&what))?,
            created_at: timestamp(&what, self.created_at)?,
            label: self.label,
        })
    }
}

pub(super) async fn admin_token_by_hash(
    readers: &SqlitePool,
    hash: &TokenHash,
) -> Result<Option<AdminToken>, StoreError> {
    let row: Option<Row> = sqlx::query_as("SELECT id, label, role, created_at FROM admin_tokens WHERE hash = ?1")
        .bind(hex::encode(hash.0))
        .fetch_optional(readers)
        .await
        .map_err(fault)?;
    row.map(Row::read).transpose()
}

pub(super) async fn add_admin_token(
    writer: &SqlitePool,
    label: &str,
    role: Role,
    hash: &TokenHash,
    at: Timestamp,
) -> Result<AdminToken, StoreError> {
    let row: Row = sqlx::query_as(
        "INSERT INTO admin_tokens (label, role, hash, created_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (hash) DO UPDATE SET label = excluded.label, role = excluded.role
         RETURNING id, label, role, created_at",
    )
    .bind(label)
    .bind(role.as_str())
    .bind(hex::encode(hash.0))
    .bind(at.as_microsecond())
    .fetch_one(writer)
    .await
    .map_err(fault)?;
    row.read()
}

pub(super) async fn admin_tokens(readers: &SqlitePool) -> Result<Vec<AdminToken>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as("SELECT id, label, role, created_at FROM admin_tokens ORDER BY id")
        .fetch_all(readers)
        .await
        .map_err(fault)?;
    rows.into_iter().map(Row::read).collect()
}

pub(super) async fn remove_admin_token(writer: &SqlitePool, id: i64) -> Result<TokenRemoval, StoreError> {
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(fault)?;
    // One statement decides and removes: of the last two admins, only one can remove the other.
    let removed = sqlx::query(
        "DELETE FROM admin_tokens
         WHERE id = ?1 AND (role <> 'admin' OR EXISTS (SELECT 1 FROM admin_tokens WHERE role = 'admin' AND id <> ?1))",
    )
    .bind(id)
    .execute(&mut *transaction)
    .await
    .map_err(fault)?
    .rows_affected();
    let is_there: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM admin_tokens WHERE id = ?1)")
        .bind(id)
        .fetch_one(&mut *transaction)
        .await
        .map_err(fault)?;
    transaction.commit().await.map_err(fault)?;
    Ok(match (removed, is_there) {
        (1.., _) => TokenRemoval::Removed,
        (0, true) => TokenRemoval::LastAdmin,
        (0, false) => TokenRemoval::Unknown,
    })
}

//! Settings.

use sqlx::SqlitePool;

use super::fault;
use crate::StoreError;

pub(super) async fn setting(readers: &SqlitePool, key: &str) -> Result<Option<String>, StoreError> {
    sqlx::query_scalar("SELECT value FROM settings WHERE key = ?1")
        .bind(key)
        .fetch_optional(readers)
        .await
        .map_err(fault)
}

pub(super) async fn set_setting(writer: &SqlitePool, key: &str, value: &str) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO settings (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    )
    .bind(key)
    .bind(value)
    .execute(writer)
    .await
    .map(drop)
    .map_err(fault)
}

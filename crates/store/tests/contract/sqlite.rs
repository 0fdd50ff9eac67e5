//! The SQLite engine under the contract, and what only it can be asked.

use std::path::PathBuf;
use std::sync::Arc;

use relay_store::{Keyring, OpenError, SqliteStore, Store, open_sqlite};
use sqlx::{Connection, SqliteConnection};

use crate::engine::{Engine, keyring};
use crate::fixture::{as_generation, full_fleet, publication};

pub(crate) struct Database {
    directory: tempfile::TempDir,
}

impl Database {
    fn path(&self) -> PathBuf {
        self.directory.path().join("data/relay.db")
    }

    /// Runs a statement behind the store's back.
    async fn meddle(&self, statement: &'static str) {
        let mut connection = SqliteConnection::connect(self.path().to_str().unwrap()).await.unwrap();
        sqlx::query(statement).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}

impl Engine for Database {
    type Store = SqliteStore;

    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    async fn open_with(&self, keyring: Keyring) -> Result<SqliteStore, OpenError> {
        open_sqlite(&self.path(), Arc::new(keyring)).await
    }

    async fn close(&self, store: SqliteStore) {
        store.close().await;
    }

    async fn break_publications(&self) {
        self.meddle("CREATE TRIGGER broken BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'broken'); END").await;
    }

    fn bytes_at_rest(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.path().parent().unwrap()).unwrap();
        files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }
}

#[tokio::test]
async fn a_database_of_a_newer_schema_is_refused() {
    let database = Database::new();
    database.close(database.open().await).await;
    database
        .meddle(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (9000, 'from the future', TRUE, x'00', 0)",
        )
        .await;
    let error = database.open_with(keyring(1)).await.expect_err("a newer schema is refused");
    assert!(matches!(error, OpenError::NewerSchema { found: 9000, .. }), "{error:?}");
    assert!(error.to_string().contains("start the version that wrote it"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let database = Database::new();
    std::fs::create_dir_all(database.path().parent().unwrap()).unwrap();
    std::fs::write(database.path(), "this is not a database, and long enough to look like none at all").unwrap();
    let error = database.open_with(keyring(1)).await.expect_err("junk is refused");
    assert!(matches!(error, OpenError::Unusable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_secret_moved_to_another_host_is_not_opened() {
    let database = Database::new();
    let store = database.open().await;
    store.publish(publication(full_fleet(), 0)).await.unwrap();
    database
        .meddle(
            "UPDATE hosts SET gateway_key = (SELECT gateway_key FROM hosts WHERE host_id = 'tokyo-1')
             WHERE host_id = 'kyoto-1'",
        )
        .await;
    let error = store.fleet().await.unwrap_err().to_string();
    assert_eq!(error, "the stored secret host/kyoto-1/gateway_key cannot be decrypted");
}

#[tokio::test]
async fn a_backup_opens_as_a_store_of_its_own() {
    let database = Database::new();
    let store = database.open().await;
    store.publish(publication(full_fleet(), 0)).await.unwrap();
    let copy = database.directory.path().join("backup/relay.db");
    store.backup_to(&copy).await.unwrap();
    assert!(store.backup_to(&copy).await.is_err(), "a backup is never written over");
    let restored = open_sqlite(&copy, Arc::new(keyring(1))).await.unwrap();
    assert_eq!(restored.fleet().await.unwrap(), as_generation(full_fleet(), 1));
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let database = Database::new();
    let store = database.open().await;
    store.publish(publication(full_fleet(), 0)).await.unwrap();
    let copy = database.directory.path().join("data/backup.db");
    store.backup_to(&copy).await.unwrap();
    let files: Vec<_> = std::fs::read_dir(copy.parent().unwrap()).unwrap().map(Result::unwrap).collect();
    assert!(files.len() >= 3, "the database, its log and the backup");
    for file in files {
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.path().display());
    }
}

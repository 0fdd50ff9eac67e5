//! The SQLite engine under the contract, and what only it can be asked.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use relay_domain::{Fleet, Route};
use relay_store::{AuditFilter, Keyring, OpenError, SqliteStore, Store, open_sqlite};
use serde_json::Value;
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use crate::engine::{Engine, keyring};
use crate::fixture::{as_generation, full_fleet, group, host, publication, route};

pub(crate) struct Database {
    directory: tempfile::TempDir,
}

impl Database {
    fn path(&self) -> PathBuf {
        self.directory.path().join("data/relay.db")
    }

    async fn connect(&self) -> SqliteConnection {
        SqliteConnection::connect(self.path().to_str().unwrap()).await.unwrap()
    }

    /// The fleets on record as text.
    async fn documents(&self) -> Vec<Vec<u8>> {
        let mut connection = self.connect().await;
        let packed: Vec<(Vec<u8>, Option<Vec<u8>>)> = sqlx::query_as(
            "SELECT d.fleet, b.fleet FROM generation_documents AS d
             LEFT JOIN generation_documents AS b ON b.generation = d.base ORDER BY d.generation",
        )
        .fetch_all(&mut connection)
        .await
        .unwrap();
        connection.close().await.unwrap();
        let alone = |packed: Vec<u8>| unpacked(&packed, &[]);
        packed.into_iter().map(|(fleet, base)| unpacked(&fleet, &base.map(alone).unwrap_or_default())).collect()
    }

    /// Writes a fleet over that of a generation.
    async fn put_document(&self, generation: i64, document: &str) {
        let mut connection = self.connect().await;
        sqlx::query("UPDATE generation_documents SET fleet = ?2 WHERE generation = ?1")
            .bind(generation)
            .bind(document.as_bytes())
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
    }

    /// An empty database as the version with the schema `last` left it.
    async fn make_as_of(&self, last: i64) {
        std::fs::create_dir_all(self.path().parent().unwrap()).unwrap();
        let mut migrator = Migrator::new(Path::new("migrations/sqlite")).await.unwrap();
        migrator.migrations.to_mut().retain(|migration| migration.version <= last);
        let options = SqliteConnectOptions::new().filename(self.path()).create_if_missing(true);
        let mut connection = options.connect().await.unwrap();
        migrator.run_direct(None, &mut connection, false).await.unwrap();
        connection.close().await.unwrap();
    }

    /// A generation as schema 12 kept it.
    async fn put_as_of_12(&self, number: i64, document: &str) {
        let mut connection = self.connect().await;
        for statement in [
            "INSERT INTO generations (number, at, actor, summary, diff) VALUES (?1, ?1, 'ops', '', json_object('added', json_array(?1)))",
            "INSERT INTO generation_fleets (generation, document) VALUES (?1, ?2)",
            "INSERT INTO audit (at, actor, action, summary, generation) VALUES (?1, 'ops', 'publish', '', ?1)",
        ] {
            sqlx::query(statement).bind(number).bind(document).execute(&mut connection).await.unwrap();
        }
        connection.close().await.unwrap();
    }

    /// Runs a statement behind the store's back.
    async fn meddle(&self, statement: &'static str) {
        let mut connection = self.connect().await;
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

    async fn bytes_at_rest(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.path().parent().unwrap()).unwrap();
        let mut bytes: Vec<u8> = files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
        bytes.extend(self.documents().await.concat());
        bytes
    }
}

fn unpacked(packed: &[u8], prefix: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    zstd::stream::read::Decoder::with_ref_prefix(packed, prefix).unwrap().read_to_end(&mut text).unwrap();
    text
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
    let mut document: Value = serde_json::from_slice(&database.documents().await[0]).unwrap();
    let hosts = document["hosts"].as_array_mut().unwrap();
    let of = |id: &str| hosts.iter().position(|host| host["host_id"] == id).unwrap();
    let (tokyo, osaka) = (of("tokyo-1"), of("osaka-1"));
    hosts[osaka]["gateway_key"] = hosts[tokyo]["gateway_key"].clone();
    database.put_document(1, &document.to_string()).await;
    let error = store.fleet().await.unwrap_err().to_string();
    assert_eq!(error, "the stored secret host/osaka-1/gateway_key cannot be decrypted");
}

#[tokio::test]
async fn a_torn_document_is_told_by_its_generation() {
    let database = Database::new();
    let store = database.open().await;
    store.publish(publication(full_fleet(), 0)).await.unwrap();
    database.meddle("UPDATE generation_documents SET fleet = substr(fleet, 1, length(fleet) / 2)").await;
    let error = store.fleet().await.unwrap_err().to_string();
    assert!(error.starts_with("the fleet of generation 1 in the store cannot be read: "), "{error}");
}

#[tokio::test]
async fn a_small_change_of_ten_thousand_routes_writes_little() {
    let routes = |n| Route { weight: n, ..route(&format!("route-{n}"), "gpt", "host-1") };
    let mut fleet = Fleet {
        hosts: vec![host("host-1")],
        groups: vec![group("gpt")],
        routes: (0..10_000).map(routes).collect(),
        ..Fleet::default()
    };
    let database = Database::new();
    let store = database.open().await;
    store.publish(publication(fleet.clone(), 0)).await.unwrap();
    for based_on in 1..4 {
        fleet.routes[usize::try_from(based_on).unwrap() * 1_000].weight = 1;
        store.publish(publication(fleet.clone(), based_on)).await.unwrap();
    }
    let mut connection = database.connect().await;
    let kept: Vec<(Option<i64>, i64)> = sqlx::query_as("SELECT base, length(fleet) FROM generation_documents")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    let text = i64::try_from(database.documents().await[0].len()).unwrap();
    assert!(kept[0].0.is_none() && kept[0].1 < text / 10, "{kept:?} of {text}");
    assert!(kept[1..].iter().all(|(base, length)| *base == Some(1) && *length < 2_000), "{kept:?}");
    for generation in 1..=4 {
        let read = store.fleet_at(generation).await.unwrap().unwrap();
        assert_eq!(read.routes[2_000].weight, if generation > 2 { 1 } else { 2_000 }, "generation {generation}");
    }
}

#[tokio::test]
async fn a_database_from_before_documents_keeps_its_generations() {
    let database = Database::new();
    let store = database.open().await;
    for based_on in 0..2 {
        store.publish(publication(full_fleet(), based_on)).await.unwrap();
    }
    let documents = database.documents().await;
    database.close(store).await;
    let old = Database::new();
    old.make_as_of(12).await;
    for (number, document) in (1..).zip(&documents) {
        old.put_as_of_12(number, std::str::from_utf8(document).unwrap()).await;
    }
    let store = old.open().await;
    assert_eq!(store.fleet().await.unwrap(), as_generation(full_fleet(), 2));
    assert_eq!(store.fleet_at(1).await.unwrap(), Some(as_generation(full_fleet(), 1)));
    assert_eq!(store.generation_diff(1).await.unwrap(), Some(serde_json::json!({"added": [1]})));
    let trail = store.audit(&AuditFilter::default(), None, 10).await.unwrap();
    assert_eq!(trail[0].details, serde_json::json!({"added": [2]}), "its generation's");
    let change = publication(Fleet { routes: Vec::new(), ..full_fleet() }, 2);
    assert_eq!(store.publish(change.clone()).await.unwrap(), 3);
    assert_eq!(store.fleet().await.unwrap(), as_generation((*change.fleet).clone(), 3));
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

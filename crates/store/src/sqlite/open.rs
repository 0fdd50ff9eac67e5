//! Opening: a private file, the schema brought up to date, the master key proved.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use relay_domain::Secret;
use sqlx::ConnectOptions as _;
use sqlx::SqlitePool;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::{SqliteStore, fault};
use crate::{Keyring, OpenError, SealError, StoreError};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// How long a statement waits for another process's lock, such as a backup's.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a caller waits for a connection before the store counts as unavailable.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// Reads are short and few; more connections would only cost memory.
const READERS: u32 = 3;

const CANARY_OWNER: &str = "keyring/canary";
const CANARY: &str = "relay-manager";

/// Opens the database in `path`, made with mode 0600 if there is none, applies
/// the migrations it lacks, and checks that `keyring` opens its secrets.
///
/// # Errors
/// See [`OpenError`]. Opening again after an error is safe.
pub async fn open_sqlite(path: &Path, keyring: Arc<Keyring>) -> Result<SqliteStore, OpenError> {
    let unusable = |source| OpenError::Unusable { path: path.to_owned(), source };
    create_private(path).map_err(|error| unusable(error.into()))?;
    // Full: a generation that was answered for must not be lost with the power,
    // and publications are far too rare for the extra sync to matter.
    let options = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
        .synchronous(SqliteSynchronous::Full)
        .disable_statement_logging();
    let writer = pool(1)
        .connect_with(options.clone().journal_mode(SqliteJournalMode::Wal))
        .await
        .map_err(|e| unusable(e.into()))?;
    migrate(path, &writer).await?;
    prove_master_key(path, &writer, &keyring).await?;
    let readers = pool(READERS).connect_with(options.read_only(true)).await.map_err(|e| unusable(e.into()))?;
    Ok(SqliteStore { writer, readers, keyring })
}

/// Opens all of its connections now and keeps them: each has a thread, which would inherit the standing of whoever
/// happened to need one more.
fn pool(connections: u32) -> SqlitePoolOptions {
    let options = SqlitePoolOptions::new().max_connections(connections).min_connections(connections);
    options.acquire_timeout(ACQUIRE_TIMEOUT).idle_timeout(None).max_lifetime(None)
}

async fn migrate(path: &Path, writer: &SqlitePool) -> Result<(), OpenError> {
    // All of them in one transaction that takes the write lock first: a second
    // process that starts meanwhile waits, and finds nothing left to do.
    let failed = |source: sqlx::Error| OpenError::Migration { path: path.to_owned(), source: source.into() };
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    // `run` borrows in a way that makes this future not `Send`; `run_direct` is
    // sqlx's own way around it.
    match MIGRATIONS.run_direct(None, &mut *transaction, false).await {
        Ok(()) => transaction.commit().await.map_err(failed),
        Err(MigrateError::VersionMissing(found)) => {
            Err(OpenError::NewerSchema { path: path.to_owned(), found, known: known_schema() })
        }
        Err(error) => Err(OpenError::Migration { path: path.to_owned(), source: error.into() }),
    }
}

/// The schema that this program brings a database to.
pub(super) fn known_schema() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or_default()
}

/// Opens the canary, or leaves one in a new database. Without it a wrong key
/// would show only when the first request needs a host's secret.
async fn prove_master_key(path: &Path, writer: &SqlitePool, keyring: &Keyring) -> Result<(), OpenError> {
    let fresh = keyring.seal(CANARY_OWNER, &Secret::new(CANARY));
    sqlx::query("INSERT INTO keyring (id, canary) VALUES (1, ?1) ON CONFLICT DO NOTHING")
        .bind(fresh)
        .execute(writer)
        .await
        .map_err(fault)?;
    let sealed: String =
        sqlx::query_scalar("SELECT canary FROM keyring WHERE id = 1").fetch_one(writer).await.map_err(fault)?;
    match keyring.open(CANARY_OWNER, &sealed) {
        Ok(_) => Ok(()),
        Err(SealError::UnknownKey { key_id }) => Err(OpenError::WrongMasterKey {
            path: path.to_owned(),
            sealed_with: key_id,
            given: keyring.key_id().to_owned(),
        }),
        Err(source) => Err(StoreError::Sealed { what: CANARY_OWNER.to_owned(), source }.into()),
    }
}

/// Makes an empty file that only we may read, with its directories; a file that
/// is there is left as it is. SQLite gives its side files the same mode.
pub(super) fn create_private(path: &Path) -> io::Result<()> {
    if let Some(directory) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(directory)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        result => result.map(drop),
    }
}

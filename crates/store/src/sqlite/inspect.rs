//! A look into a database without the master key and without changing anything, whether a server runs or not.

use std::path::Path;

use relay_domain::Timestamp;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};

use super::fleet;
use super::open::{BUSY_TIMEOUT, known_schema};
use crate::OpenError;
use crate::records::HostRecord;

/// What a database says of itself and holds that ages.
#[derive(Clone, Debug, Default)]
pub struct Inspection {
    /// The version of its schema; 0 before the first.
    pub schema: i64,
    /// The version that this program brings it to.
    pub known_schema: i64,
    /// What SQLite's quick check complains of.
    pub faults: Vec<String>,
    /// Enabled hosts of the present generation.
    pub hosts: Vec<InspectedHost>,
    /// Enabled consumer keys with an end: id and that.
    pub ending_keys: Vec<(String, Timestamp)>,
    /// Admin tokens: label, and when they were made.
    pub admin_tokens: Vec<(String, Timestamp)>,
}

/// A host as far as reaching it is concerned.
#[derive(Clone, Debug)]
pub struct InspectedHost {
    /// Its id.
    pub host_id: String,
    /// As it is stored.
    pub base_url: String,
    /// Whether it may be at a private address.
    pub allow_private: bool,
}

/// Looks into the database in `path`, which must be there. Reads all of it once.
///
/// # Errors
/// [`OpenError::Unusable`] when it cannot be read.
pub async fn inspect_sqlite(path: &Path) -> Result<Inspection, OpenError> {
    let inspected = async {
        let options = SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(BUSY_TIMEOUT);
        let mut connection = options.disable_statement_logging().connect().await?;
        let inspection = read(&mut connection).await?;
        connection.close().await?;
        Ok(inspection)
    };
    inspected.await.map_err(|error: sqlx::Error| OpenError::Unusable { path: path.to_owned(), source: error.into() })
}

async fn read(connection: &mut SqliteConnection) -> Result<Inspection, sqlx::Error> {
    let mut inspection = Inspection { known_schema: known_schema(), ..Inspection::default() };
    let complaints: Vec<String> = sqlx::query_scalar("PRAGMA quick_check(10)").fetch_all(&mut *connection).await?;
    inspection.faults = complaints.into_iter().filter(|complaint| complaint != "ok").collect();
    let has_schema: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_master WHERE name = '_sqlx_migrations'")
        .fetch_one(&mut *connection)
        .await?;
    if has_schema == 0 {
        return Ok(inspection);
    }
    inspection.schema = sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM _sqlx_migrations WHERE success")
        .fetch_one(&mut *connection)
        .await?;
    if inspection.schema == inspection.known_schema {
        take_fleet(connection, &mut inspection).await?;
    }
    inspection.admin_tokens =
        dated(connection, "SELECT label, created_at FROM admin_tokens ORDER BY created_at").await?;
    Ok(inspection)
}

/// What the newest generation says without its secrets. Of a database of an older
/// schema that is known when a server has brought it up to date.
async fn take_fleet(connection: &mut SqliteConnection, inspection: &mut Inspection) -> Result<(), sqlx::Error> {
    let generation: i64 =
        sqlx::query_scalar("SELECT COALESCE(MAX(number), 0) FROM generations").fetch_one(&mut *connection).await?;
    let records = match fleet::records(connection, generation.cast_unsigned()).await {
        Ok(records) => records.unwrap_or_default(),
        Err(error) => {
            inspection.faults.push(error.to_string());
            return Ok(());
        }
    };
    let hosts = records.hosts.into_iter().filter(|host| host.enabled);
    inspection.hosts = hosts
        .map(|HostRecord { host_id, base_url, allow_private, .. }| InspectedHost { host_id, base_url, allow_private })
        .collect();
    let keys = records.keys.into_iter().filter(|key| key.enabled);
    inspection.ending_keys = keys.filter_map(|key| Some((key.key_id, instant(key.expires_at?)))).collect();
    inspection.ending_keys.sort_by_key(|(_, end)| *end);
    Ok(())
}

fn instant(microseconds: i64) -> Timestamp {
    Timestamp::from_microsecond(microseconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

async fn dated(
    connection: &mut SqliteConnection,
    query: &'static str,
) -> Result<Vec<(String, Timestamp)>, sqlx::Error> {
    let rows = sqlx::query(query).fetch_all(connection).await?;
    let read = |row: &sqlx::sqlite::SqliteRow| {
        let (name, at): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
        Ok((name, instant(at)))
    };
    rows.iter().map(read).collect()
}

//! The file: its tables, and how rows become bindings again.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use relay_domain::{GroupId, HostId, IdError, KeyId, RouteId, Timestamp};
use relay_routing::{Binding, StickyKey};
use rusqlite::{Connection, Row, params};

use super::OpenError;
use crate::register::{Kept, Register};
use crate::{BindingEntry, ResponseOwner};

/// The format of the tables below, in the file's `user_version`.
const FORMAT: i64 = 1;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS bindings (
        sticky_key       BLOB PRIMARY KEY,
        consumer         TEXT,
        logical_group_id TEXT NOT NULL,
        model            TEXT NOT NULL,
        scope            TEXT NOT NULL,
        route_id         TEXT NOT NULL,
        host_id          TEXT NOT NULL,
        bound_at         INTEGER NOT NULL,
        expires_at       INTEGER NOT NULL,
        last_used_at     INTEGER NOT NULL,
        moved            INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS responses (
        response_key BLOB PRIMARY KEY,
        host_id      TEXT NOT NULL,
        route_id     TEXT NOT NULL,
        credential   TEXT NOT NULL,
        expires_at   INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    PRAGMA user_version = 1;";

/// A change to write: the new state of a key, or `None` when it is gone.
type Changes<T> = [(u128, Option<T>)];

pub(crate) struct BindingsFile {
    connection: Connection,
}

impl BindingsFile {
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        let unusable = |source| OpenError::Unusable { path: path.to_owned(), source };
        create_private(path).map_err(|error| unusable(error.into()))?;
        let prepare = || {
            let connection = Connection::open(path)?;
            connection.busy_timeout(Duration::from_secs(5))?;
            let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
            if found <= FORMAT {
                connection.pragma_update(None, "journal_mode", "WAL")?;
                // A crash of the process loses nothing then; one of the machine, at
                // worst, the last bindings, which are not worth a sync each.
                connection.pragma_update(None, "synchronous", "NORMAL")?;
                connection.execute_batch(TABLES)?;
            }
            Ok((connection, found))
        };
        let (connection, found) = prepare().map_err(|error: rusqlite::Error| unusable(error.into()))?;
        if found > FORMAT {
            return Err(OpenError::NewerFormat { path: path.to_owned(), found, known: FORMAT });
        }
        Ok(Self { connection })
    }

    /// Removes what has expired and what is more than `capacity` rows of a table.
    pub(crate) fn trim(&self, capacity: usize, now: Timestamp) -> Result<(), rusqlite::Error> {
        let (capacity, now) = (i64::try_from(capacity).unwrap_or(i64::MAX), now.as_microsecond());
        for (table, key, recency) in
            [("bindings", "sticky_key", "last_used_at"), ("responses", "response_key", "expires_at")]
        {
            self.connection.execute(&format!("DELETE FROM {table} WHERE expires_at <= ?1"), [now])?;
            let rows: i64 =
                self.connection.query_row(&format!("SELECT COUNT(*) FROM {table}"), [], |row| row.get(0))?;
            if rows > capacity {
                let surplus = format!("SELECT {key} FROM {table} ORDER BY {recency} LIMIT ?1");
                self.connection
                    .execute(&format!("DELETE FROM {table} WHERE {key} IN ({surplus})"), [rows - capacity])?;
            }
        }
        Ok(())
    }

    /// Fills the register, the least recently used first.
    pub(crate) fn load(&self, register: &Register) -> Result<(), rusqlite::Error> {
        let mut names = Names::default();
        let mut unreadable = 0_u64;
        let mut rows = self.connection.prepare(
            "SELECT sticky_key, consumer, logical_group_id, model, scope, route_id, host_id,
                    bound_at, expires_at, last_used_at, moved
             FROM bindings ORDER BY last_used_at",
        )?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let key = u128::from_be_bytes(row.get(0)?);
            match names.binding(row)? {
                Some(entry) => register.bindings.shard(key).restore(key, Kept::new(entry)),
                None => unreadable += 1,
            }
        }
        let mut rows = self.connection.prepare(
            "SELECT response_key, host_id, route_id, credential, expires_at FROM responses ORDER BY expires_at",
        )?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let key = u128::from_be_bytes(row.get(0)?);
            match names.owner(row)? {
                Some(owner) => register.responses.shard(key).restore(key, owner),
                None => unreadable += 1,
            }
        }
        if unreadable > 0 {
            tracing::warn!(rows = unreadable, "bindings that this version cannot read were left out");
        }
        Ok(())
    }

    /// Writes everything that a register holds, a shard in a transaction.
    pub(crate) fn write_all(&mut self, register: &Register) -> Result<(), rusqlite::Error> {
        for shard in register.bindings.shards_from(0) {
            let entries = shard.entries.iter().map(|(key, kept)| (key, Some(kept.entry.clone())));
            self.write(&entries.collect::<Vec<_>>(), &[])?;
        }
        for shard in register.responses.shards_from(0) {
            let owners = shard.entries.iter().map(|(key, owner)| (key, Some(owner.clone())));
            self.write(&[], &owners.collect::<Vec<_>>())?;
        }
        Ok(())
    }

    /// Writes changes in one transaction.
    pub(super) fn write(
        &mut self,
        bindings: &Changes<BindingEntry>,
        responses: &Changes<ResponseOwner>,
    ) -> Result<(), rusqlite::Error> {
        let transaction = self.connection.transaction()?;
        {
            let mut put = transaction.prepare_cached(
                "INSERT OR REPLACE INTO bindings VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?;
            let mut remove = transaction.prepare_cached("DELETE FROM bindings WHERE sticky_key = ?1")?;
            for (key, entry) in bindings {
                let Some(entry) = entry else {
                    remove.execute([key.to_be_bytes()])?;
                    continue;
                };
                let binding = &entry.binding;
                put.execute(params![
                    key.to_be_bytes(),
                    entry.consumer.as_ref().map(KeyId::as_str),
                    entry.group.as_str(),
                    &*entry.model,
                    entry.scope.as_str(),
                    binding.route_id.as_str(),
                    binding.host_id.as_str(),
                    binding.bound_at.as_microsecond(),
                    binding.expires_at.as_microsecond(),
                    binding.last_used_at.as_microsecond(),
                    binding.moved,
                ])?;
            }
            let mut put = transaction.prepare_cached("INSERT OR REPLACE INTO responses VALUES (?1, ?2, ?3, ?4, ?5)")?;
            let mut remove = transaction.prepare_cached("DELETE FROM responses WHERE response_key = ?1")?;
            for (key, owner) in responses {
                let Some(owner) = owner else {
                    remove.execute([key.to_be_bytes()])?;
                    continue;
                };
                put.execute(params![
                    key.to_be_bytes(),
                    owner.host_id.as_str(),
                    owner.route_id.as_str(),
                    &*owner.credential,
                    owner.expires_at.as_microsecond(),
                ])?;
            }
        }
        transaction.commit()
    }
}

/// Shares the texts that a million rows repeat.
#[derive(Default)]
struct Names {
    consumers: HashMap<String, KeyId>,
    groups: HashMap<String, GroupId>,
    models: HashMap<String, Arc<str>>,
    routes: HashMap<String, RouteId>,
    hosts: HashMap<String, HostId>,
}

impl Names {
    /// `None` when the row is not what this version writes: it is only a preference.
    fn binding(&mut self, row: &Row<'_>) -> Result<Option<BindingEntry>, rusqlite::Error> {
        let consumer = match row.get_ref(1)?.as_str_or_null()? {
            None => Some(None),
            Some(text) => shared(&mut self.consumers, text, KeyId::new).map(Some),
        };
        let group = shared(&mut self.groups, row.get_ref(2)?.as_str()?, GroupId::new);
        let model = shared(&mut self.models, row.get_ref(3)?.as_str()?, |text| Ok(text.into()));
        let scope = row.get_ref(4)?.as_str()?.parse();
        let route_id = shared(&mut self.routes, row.get_ref(5)?.as_str()?, RouteId::new);
        let host_id = shared(&mut self.hosts, row.get_ref(6)?.as_str()?, HostId::new);
        let [bound_at, expires_at, last_used_at] = [time(row, 7)?, time(row, 8)?, time(row, 9)?];
        let (key, moved) = (StickyKey::from_bytes(row.get(0)?), row.get(10)?);
        let entry = || {
            let binding = Binding {
                route_id: route_id?,
                host_id: host_id?,
                bound_at: bound_at?,
                expires_at: expires_at?,
                last_used_at: last_used_at?,
                moved,
            };
            Some(BindingEntry { key, consumer: consumer?, group: group?, model: model?, scope: scope.ok()?, binding })
        };
        Ok(entry())
    }

    fn owner(&mut self, row: &Row<'_>) -> Result<Option<ResponseOwner>, rusqlite::Error> {
        let host_id = shared(&mut self.hosts, row.get_ref(1)?.as_str()?, HostId::new);
        let route_id = shared(&mut self.routes, row.get_ref(2)?.as_str()?, RouteId::new);
        let credential = shared(&mut self.models, row.get_ref(3)?.as_str()?, |text| Ok(text.into()));
        let expires_at = time(row, 4)?;
        let owner = || {
            Some(ResponseOwner {
                host_id: host_id?,
                route_id: route_id?,
                credential: credential?,
                expires_at: expires_at?,
            })
        };
        Ok(owner())
    }
}

fn shared<T: Clone>(
    known: &mut HashMap<String, T>,
    text: &str,
    make: impl FnOnce(&str) -> Result<T, IdError>,
) -> Option<T> {
    if let Some(name) = known.get(text) {
        return Some(name.clone());
    }
    let name = make(text).ok()?;
    known.insert(text.to_owned(), name.clone());
    Some(name)
}

fn time(row: &Row<'_>, column: usize) -> Result<Option<Timestamp>, rusqlite::Error> {
    Ok(Timestamp::from_microsecond(row.get(column)?).ok())
}

/// Removes a file with what SQLite keeps beside it.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(suffix);
        match fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Makes an empty file that only we may read, with its directories; a file that
/// is there is left as it is.
fn create_private(path: &Path) -> io::Result<()> {
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

//! What an archive holds, by name.

use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

pub(crate) const MANIFEST: &str = "manifest.json";
pub(crate) const STORE: &str = "relay.db";
pub(crate) const BINDINGS: &str = "bindings.db";
pub(crate) const MASTER_KEY: &str = "master.key";
pub(crate) const LOG: &str = "log";

/// Version of what is inside, for the versions to come.
pub(crate) const FORMAT: u32 = 1;

/// What an archive tells of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the contents.
    pub format: u32,
    /// When it was begun.
    pub created_at: jiff::Timestamp,
    /// The version of relay-manager that wrote it.
    pub written_by: String,
    /// The id of the master key that the database's secrets are sealed under.
    pub master_key_id: String,
    /// That key is in it.
    pub holds_master_key: bool,
    /// The decision log is in it.
    pub holds_log: bool,
}

/// Whether an archive may put a file there: only what a data directory has, and nothing beside it.
pub(crate) fn is_known(name: &Path) -> bool {
    let parts: Vec<&str> = name
        .components()
        .map_while(|part| match part {
            Component::Normal(part) => part.to_str(),
            _ => None,
        })
        .collect();
    if parts.len() != name.components().count() {
        return false;
    }
    match parts[..] {
        [name] => [MANIFEST, STORE, BINDINGS, MASTER_KEY].contains(&name),
        [folder, name] => folder == LOG && is_of_the_log(name),
        _ => false,
    }
}

/// Whether a file of the log's directory goes into an archive. Not its lock, nor what SQLite keeps beside its files.
pub(crate) fn is_of_the_log(name: &str) -> bool {
    name == "writer" || is_sqlite(name) || [".journal", ".journal.damaged"].iter().any(|end| name.ends_with(end))
}

/// Whether it has to be copied by SQLite.
pub(crate) fn is_sqlite(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|end| end == "db")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_a_data_directory_are_known() {
        for name in ["relay.db", "bindings.db", "master.key", "log/writer", "log/decisions-2026-11-23.db"] {
            assert!(is_known(Path::new(name)), "{name}");
        }
        assert!(is_known(Path::new("log/decisions-2026-11-23.000001.journal")));
        for name in
            ["../relay.db", "/relay.db", "log/../relay.db", "log/lock", "log/a/b.db", "x", "log", ".", "log/x.db-wal"]
        {
            assert!(!is_known(Path::new(name)), "{name}");
        }
    }
}

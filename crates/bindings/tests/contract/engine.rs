//! The engines under the contract.

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use relay_bindings::{BindingStore, MemoryBindings, SqliteBindings};

use crate::fixture::at;

/// A store, and what must live as long.
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn BindingStore>,
    _directory: Option<tempfile::TempDir>,
}

impl Deref for Opened {
    type Target = Arc<dyn BindingStore>;

    fn deref(&self) -> &Self::Target {
        &self.store
    }
}

/// An engine.
pub(crate) trait Engine {
    /// An empty store with room for `capacity` bindings.
    fn open(capacity: usize) -> Opened;
}

pub(crate) struct Memory;

impl Engine for Memory {
    fn open(capacity: usize) -> Opened {
        Opened { store: Arc::new(MemoryBindings::new(capacity)), _directory: None }
    }
}

pub(crate) struct Sqlite;

impl Engine for Sqlite {
    fn open(capacity: usize) -> Opened {
        let directory = tempfile::tempdir().unwrap();
        let store = open_sqlite(directory.path(), capacity, 0);
        Opened { store: Arc::new(store), _directory: Some(directory) }
    }
}

/// Opens the bindings in `directory` at second `now`.
pub(crate) fn open_sqlite(directory: &Path, capacity: usize, now: i64) -> SqliteBindings {
    SqliteBindings::open(&directory.join("data/bindings.db"), capacity, at(now)).unwrap()
}

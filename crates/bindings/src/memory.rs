//! Bindings in memory alone: gone with the process, unless they are handed on in a file.

use std::path::Path;

use async_trait::async_trait;
use relay_domain::{KeyId, Timestamp};
use relay_routing::{Binding, StickyKey};

use crate::register::Register;
use crate::sqlite::{BindingsFile, remove};
use crate::table::Journal;
use crate::{BindingEntry, BindingFilter, BindingPage, BindingStore, FlushError, OpenError, ResponseOwner};

/// A [`BindingStore`] in memory. Weighted rendezvous brings most conversations
/// back to the same route after a restart without it (spec §4).
pub struct MemoryBindings(Register);

impl MemoryBindings {
    /// Room for `capacity` bindings and as many response owners.
    pub fn new(capacity: usize) -> Self {
        Self(Register::new(capacity, Journal::None))
    }

    /// Writes everything into a file in `path`, which is made anew, for the process that goes on with it. Blocks.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), OpenError> {
        remove(path).map_err(|source| OpenError::Unusable { path: path.to_owned(), source: source.into() })?;
        BindingsFile::open(path)?
            .write_all(&self.0)
            .map_err(|source| OpenError::Unusable { path: path.to_owned(), source: source.into() })
    }

    /// Takes what [`save`](Self::save) wrote and has not expired at `now`, and removes the file. Blocks.
    ///
    /// # Errors
    /// It cannot be read; what was read before is here.
    pub fn load(&self, path: &Path, now: Timestamp) -> Result<(), OpenError> {
        let unusable = |source: rusqlite::Error| OpenError::Unusable { path: path.to_owned(), source: source.into() };
        let file = BindingsFile::open(path)?;
        file.trim(usize::MAX, now).and_then(|()| file.load(&self.0)).map_err(unusable)?;
        drop(file);
        remove(path).map_err(|source| OpenError::Unusable { path: path.to_owned(), source: source.into() })
    }
}

#[async_trait]
impl BindingStore for MemoryBindings {
    fn backend(&self) -> &'static str {
        "memory"
    }

    async fn lookup(&self, key: &StickyKey, now: Timestamp) -> Option<Binding> {
        self.0.lookup(*key, now)
    }

    async fn put(&self, entry: BindingEntry) {
        self.0.put(entry);
    }

    async fn bind_if_absent(&self, entry: BindingEntry, now: Timestamp) -> Option<Binding> {
        self.0.bind_if_absent(entry, now)
    }

    async fn touch(&self, key: &StickyKey, binding: &Binding) -> bool {
        self.0.touch(*key, binding).0
    }

    async fn list(
        &self,
        filter: &BindingFilter,
        cursor: Option<StickyKey>,
        limit: usize,
        now: Timestamp,
    ) -> BindingPage {
        self.0.list(filter, cursor, limit, now)
    }

    async fn purge(&self, filter: &BindingFilter) -> u64 {
        self.0.purge(filter)
    }

    async fn sweep(&self, now: Timestamp) -> u64 {
        self.0.sweep(now)
    }

    async fn count(&self) -> u64 {
        self.0.count()
    }

    async fn response_owner(&self, consumer: &KeyId, response_id: &str, now: Timestamp) -> Option<ResponseOwner> {
        self.0.response_owner(consumer, response_id, now)
    }

    async fn record_response_owner(&self, consumer: &KeyId, response_id: &str, owner: ResponseOwner) {
        self.0.record_response_owner(consumer, response_id, owner);
    }

    async fn flush(&self) -> Result<(), FlushError> {
        Ok(())
    }
}

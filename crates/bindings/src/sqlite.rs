//! Bindings in memory with a file behind them, so that they survive a restart.
//!
//! Look-ups never touch the disk. Changes are noted in the table's journal, and
//! one thread writes whatever has been noted in one transaction, again and again,
//! without a timer. After a crash what was noted since its last transaction is
//! lost: the changes of a few milliseconds.

mod file;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use relay_domain::{KeyId, Timestamp};
use relay_routing::{Binding, StickyKey};

pub(crate) use self::file::{BindingsFile, remove};
use self::writer::Writer;
use crate::register::Register;
use crate::table::Journal;
use crate::{BindingEntry, BindingFilter, BindingPage, BindingStore, FlushError, ResponseOwner};

/// The file was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be made, opened or read.
    #[error(
        "cannot open the bindings in {}; move the file away to start without them (conversations are then bound anew)",
        path.display()
    )]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A later version of Relay Manager wrote it.
    #[error(
        "the bindings in {} have format {found}, newer than the {known} this version knows; start the version that \
         wrote them, or move the file away", path.display()
    )]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// The file's format.
        found: i64,
        /// The newest format this version knows.
        known: i64,
    },
}

/// A [`BindingStore`] in memory and in one SQLite file.
///
/// Call [`close`](Self::close) at shutdown. A value that is merely dropped still
/// has its last changes written, but nobody waits for that.
pub struct SqliteBindings {
    register: Arc<Register>,
    writer: Writer,
}

impl SqliteBindings {
    /// Opens the file in `path`, made with mode 0600 if there is none, and loads
    /// what has not expired at `now`: of more than `capacity` bindings the most
    /// recently used. Blocks while it reads; a million take some seconds.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(path: &Path, capacity: usize, now: Timestamp) -> Result<Self, OpenError> {
        let register = Arc::new(Register::new(capacity, Journal::Kept));
        let file = BindingsFile::open(path)?;
        let unusable = |source: rusqlite::Error| OpenError::Unusable { path: path.to_owned(), source: source.into() };
        file.trim(capacity, now).and_then(|()| file.load(&register)).map_err(unusable)?;
        let writer = Writer::start(Arc::clone(&register), file)
            .map_err(|source| OpenError::Unusable { path: path.to_owned(), source: source.into() })?;
        Ok(Self { register, writer })
    }

    /// Writes what is left and ends the writer.
    ///
    /// # Errors
    /// When the last changes could not be written; they are lost then.
    pub async fn close(&self) -> Result<(), FlushError> {
        let flushed = self.writer.flush().await;
        self.writer.stop();
        flushed
    }
}

#[async_trait]
impl BindingStore for SqliteBindings {
    fn backend(&self) -> &'static str {
        "sqlite"
    }

    async fn lookup(&self, key: &StickyKey, now: Timestamp) -> Option<Binding> {
        self.register.lookup(*key, now)
    }

    async fn put(&self, entry: BindingEntry) {
        self.register.put(entry);
        self.writer.wake();
    }

    async fn bind_if_absent(&self, entry: BindingEntry, now: Timestamp) -> Option<Binding> {
        let present = self.register.bind_if_absent(entry, now);
        self.writer.wake();
        present
    }

    async fn touch(&self, key: &StickyKey, binding: &Binding) -> bool {
        let (refreshed, noted) = self.register.touch(*key, binding);
        if noted {
            self.writer.wake();
        }
        refreshed
    }

    async fn list(
        &self,
        filter: &BindingFilter,
        cursor: Option<StickyKey>,
        limit: usize,
        now: Timestamp,
    ) -> BindingPage {
        self.register.list(filter, cursor, limit, now)
    }

    async fn purge(&self, filter: &BindingFilter) -> u64 {
        let purged = self.register.purge(filter);
        self.writer.wake();
        purged
    }

    async fn sweep(&self, now: Timestamp) -> u64 {
        let swept = self.register.sweep(now);
        self.writer.wake();
        swept
    }

    async fn count(&self) -> u64 {
        self.register.count()
    }

    async fn response_owner(&self, consumer: &KeyId, response_id: &str, now: Timestamp) -> Option<ResponseOwner> {
        self.register.response_owner(consumer, response_id, now)
    }

    async fn record_response_owner(&self, consumer: &KeyId, response_id: &str, owner: ResponseOwner) {
        self.register.record_response_owner(consumer, response_id, owner);
        self.writer.wake();
    }

    async fn flush(&self) -> Result<(), FlushError> {
        self.writer.flush().await
    }
}

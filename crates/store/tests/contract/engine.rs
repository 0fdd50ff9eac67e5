//! What the contract needs of an engine beside the trait itself.

use std::sync::Arc;

use relay_store::{Keyring, MasterKey, OpenError, Store};

/// One database of an engine, empty when made, gone when dropped.
pub(crate) trait Engine: Send + Sync + Sized + 'static {
    /// The engine's store.
    type Store: Store + Clone + std::fmt::Debug + 'static;

    /// A new database.
    fn new() -> Self;

    /// Opens the database under `keyring`.
    fn open_with(&self, keyring: Keyring) -> impl Future<Output = Result<Self::Store, OpenError>> + Send;

    /// Closes a store, so that the next open starts from what is at rest.
    fn close(&self, store: Self::Store) -> impl Future<Output = ()> + Send;

    /// Makes the last statement of each following publication fail.
    fn break_publications(&self) -> impl Future<Output = ()> + Send;

    /// Everything the database has on disk, side files included, and what it keeps packed unpacked too.
    fn bytes_at_rest(&self) -> impl Future<Output = Vec<u8>> + Send;

    /// Opens the database under the usual master key.
    fn open(&self) -> impl Future<Output = Self::Store> + Send {
        async { self.open_with(keyring(1)).await.expect("the database opens") }
    }
}

/// A keyring whose master key is 32 times `byte`.
pub(crate) fn keyring(byte: u8) -> Keyring {
    Keyring::new(&master(byte))
}

/// A master key.
pub(crate) fn master(byte: u8) -> MasterKey {
    MasterKey::from_bytes([byte; 32])
}

/// A store behind the trait object that callers hold.
pub(crate) fn shared<S: Store + 'static>(store: S) -> Arc<dyn Store> {
    Arc::new(store)
}

//! What can go wrong, from the caller's side.

use std::error::Error;
use std::path::PathBuf;

use relay_domain::Generation;

use crate::SealError;

/// A read or write failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database did not answer, is locked or has no disk; it may be tried again.
    #[error("the store is unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// A row or document is not what this version writes.
    #[error("{what} in the store cannot be read: {reason}")]
    Corrupt {
        /// Which row, by its noun and id.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A secret cannot be opened with the keys at hand.
    #[error("the stored secret {what} cannot be decrypted")]
    Sealed {
        /// What the secret belongs to, such as `host/tokyo-1/gateway_key`.
        what: String,
        /// Why.
        #[source]
        source: SealError,
    },
}

/// A fleet was not published. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// Somebody else published in between: read the fleet again and repeat.
    #[error("the fleet has moved on: the change is based on generation {based_on}, the current one is {current}")]
    Conflict {
        /// What the change was made from.
        based_on: Generation,
        /// What is published now.
        current: Generation,
    },
    /// The fleet repeats an id or a secret, or refers to what it does not hold.
    #[error("the fleet is inconsistent: {reason}")]
    Inconsistent {
        /// The broken rule.
        reason: String,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A store was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file or its directory cannot be made or opened.
    #[error("cannot open the database {}", path.display())]
    Unusable {
        /// The database file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// Written by a later version of Relay Manager.
    #[error(
        "the database {} has schema {found}, newer than the {known} this version knows; \
         start the version that wrote it, or restore a backup made before the upgrade", path.display()
    )]
    NewerSchema {
        /// The database file.
        path: PathBuf,
        /// The schema version in the file.
        found: i64,
        /// The newest schema version of this build.
        known: i64,
    },
    /// A migration failed; the ones before it have been applied.
    #[error("cannot bring the schema of {} up to date", path.display())]
    Migration {
        /// The database file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The secrets in it were sealed under another master key.
    #[error(
        "the master key does not fit the database {}: it was sealed with key {sealed_with}, the key given is \
         {given}; set RELAY_MANAGER_MASTER_KEY or the master key file to the one used before", path.display()
    )]
    WrongMasterKey {
        /// The database file.
        path: PathBuf,
        /// Id of the key that sealed it.
        sealed_with: String,
        /// Id of the key that was given.
        given: String,
    },
    /// The database opened but could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

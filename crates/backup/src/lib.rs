//! A data directory in one encrypted file, and back (docs/backup.md).
//!
//! [`write()`] takes it while the server runs: every SQLite file by SQLite's own backup, journals before the
//! segments that their rows move to, so that each row is in one of the two. [`restore()`] puts it
//! into a new directory, whole or not at all.
//!
//! The file is a line of text, a line of JSON (how the key is found) and then a gzipped tar in
//! sealed pieces; a piece that was changed, moved or cut off is noticed before it is used.
#![forbid(unsafe_code)]

mod contents;
mod key;
mod restore;
mod seal;
mod write;

pub use contents::Manifest;
pub use key::{ArchiveKey, KeyError};
pub use restore::{RestoreError, restore};
pub use write::{Copied, Source, WriteError, write};

//! Sticky bindings: in memory or in SQLite, behind one trait.
//!
//! A binding remembers which route served a conversation, so that the next turn
//! finds its prompt cache (spec §4). What a binding *means* is decided in
//! `relay-routing`; here it is only kept: by key, bounded, with expiry by the
//! caller's clock, findable and purgeable by an operator.
//!
//! Every engine answers from memory: a look-up is on the path of every request
//! and must not wait for a disk. The subject itself never comes here, only the
//! sticky key that hides it.
#![forbid(unsafe_code)]

mod lru;
mod register;
mod response;
mod table;

pub mod entry;
pub mod memory;
pub mod sqlite;
pub mod store;

pub use entry::{BindingEntry, BindingFilter, BindingPage};
pub use memory::MemoryBindings;
pub use response::ResponseOwner;
pub use sqlite::{OpenError, SqliteBindings};
pub use store::{BindingStore, FlushError};

/// How many bindings, and how many response owners, are kept by default; the
/// least recently used go first. A full table takes about 250 MB.
pub const DEFAULT_CAPACITY: usize = 1_000_000;

//! Sticky bindings: in memory or in SQLite, behind one trait.
#![forbid(unsafe_code)]

pub mod store;

pub use store::{BindingEntry, BindingFilter, BindingPage, BindingStore, ResponseOwner};

//! The fleet's database: one trait, one contract, SQLite today.
//!
//! [`Store`] is all that the control plane sees: hosts, groups, routes and
//! consumer keys as one published [`Fleet`](relay_domain::Fleet), and beside it
//! managed resources and access, what is known of hosts, events, the audit
//! trail, admin tokens, console sessions and settings. Each engine
//! writes its own SQL and owns its own migrations; `tests/contract` holds the
//! promises that every one of them keeps.
//!
//! Nothing outside this crate writes SQL, and nothing in it decides: fleets
//! arrive validated, time and ids come from the caller. Secrets leave the
//! process only sealed by the [`Keyring`] (spec §10).
#![forbid(unsafe_code)]

pub mod access;
pub mod admin_token;
pub mod audit;
pub mod error;
pub mod event;
pub mod host_record;
pub mod issue;
pub mod keyring;
pub mod managed;
pub mod master_key;
pub mod notification;
mod packed;
pub mod publication;
mod records;
pub mod session;
pub mod sqlite;
pub mod store;

pub use access::{
    AccessChange, AccessKey, AccessUser, Grant, GrantCounts, GrantFilter, GrantName, GrantState, KeyState, Problem,
    Step, UnknownWord, UsageRecord, Want,
};
pub use admin_token::{AdminToken, Role, TokenHash, TokenRemoval, UnknownRole};
pub use audit::{AuditEntry, AuditFilter, NewAuditEntry};
pub use error::{OpenError, PublishError, StoreError};
pub use event::{Event, EventFilter, Severity};
pub use host_record::{CapabilityRecord, HostObject, HostResult, Observation, ObservationFilter};
pub use issue::{generate_admin_token, generate_consumer_key, generate_session_secret};
pub use keyring::{Keyring, SealError};
pub use managed::{ManagedResource, ResourceFilter, ResourceKind, UnknownResourceKind};
pub use master_key::{MasterKey, MasterKeyError};
pub use publication::{GenerationFilter, GenerationRecord, Publication};
pub use session::{ConsoleSession, NewSession, SessionHash};
pub use sqlite::{InspectedHost, Inspection, SqliteStore, inspect_sqlite, open_sqlite};
pub use store::{AccessStore, EventStore, HostStore, NotificationStore, SessionStore, Store};

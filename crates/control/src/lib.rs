//! The control plane: use cases shared by the admin API and the binary.
//!
//! [`Control`] holds the fleet in force and publishes new ones
//! ([`fleet_document`], [`publication`]); runs the operator's [`actions`]; keeps
//! access to hosts ([`managed`]); tells operators what they must know
//! ([`notifications`]); and answers questions about bindings, decisions and what
//! is on record. It speaks no HTTP of its own: whoever serves it shapes requests
//! and answers.
#![forbid(unsafe_code)]

pub mod access;
pub mod actions;
pub mod audit;
pub mod binding_list;
pub mod blast_radius;
mod catalog;
mod control;
pub mod decision_tail;
pub mod decisions;
pub mod diff;
pub mod edit;
pub mod events;
pub mod expected;
pub mod explain;
pub mod fleet_document;
pub mod fleet_health;
pub mod fleet_list;
pub mod generations;
pub mod hosts;
pub mod keys;
pub mod managed;
mod metrics;
pub mod notifications;
pub mod numbers;
pub mod page;
pub mod playground;
pub mod prices;
pub mod probing;
pub mod public_status;
pub mod publication;
pub mod records;
pub mod replay;
pub mod sessions;
pub mod status;
mod suggest;
pub mod tokens;
pub mod traffic;
pub mod translation;
pub mod usage;
pub mod view;
pub mod words;

pub use control::{BudgetUse, Budgets, Control, ControlParts, Limits, Publisher, random_fraction, random_seed};

//! The control plane: use cases shared by the admin API and the CLI.
#![forbid(unsafe_code)]

pub mod diff;
pub mod fleet_document;
mod suggest;
pub mod view;

//! Hosts of the generation in force, and what is done with one as a whole.

pub(crate) mod capabilities;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod drain;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod models;
pub(crate) mod objects;
pub(crate) mod probe;
pub(crate) mod progress;
pub(crate) mod reconcile;
pub(crate) mod results;
pub(crate) mod sync;
pub(crate) mod update;

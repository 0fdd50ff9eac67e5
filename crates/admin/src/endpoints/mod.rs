//! One file an endpoint; a directory a noun.

pub(crate) mod access;
pub(crate) mod actions;
pub(crate) mod audit;
pub(crate) mod bindings;
pub(crate) mod decisions;
pub(crate) mod documentation;
pub(crate) mod entries;
pub(crate) mod events;
pub(crate) mod explain;
pub(crate) mod fleet;
pub(crate) mod generations;
pub(crate) mod groups;
pub(crate) mod health;
pub(crate) mod hosts;
pub(crate) mod keys;
pub(crate) mod managed_resources;
pub(crate) mod metrics;
pub(crate) mod notifications;
pub(crate) mod observations;
pub(crate) mod prices;
pub(crate) mod probes;
pub(crate) mod routes;
pub(crate) mod tokens;
pub(crate) mod usage;
pub(crate) mod verify_log;
pub(crate) mod whoami;

//! The pages. Each is a file: words, context, handler, samples.

pub(crate) mod account;
pub(crate) mod audit;
pub(crate) mod bindings;
pub(crate) mod decisions;
pub(crate) mod events;
pub(crate) mod fleet;
pub(crate) mod generations;
pub(crate) mod health;
pub(crate) mod login;
pub(crate) mod map;
pub(crate) mod notifications;
pub(crate) mod overview;
pub(crate) mod playground;
pub(crate) mod settings;
pub(crate) mod start;
pub(crate) mod status;
pub(crate) mod tokens;
pub(crate) mod usage;

#[cfg(test)]
pub(crate) mod rendering;

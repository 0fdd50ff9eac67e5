//! `health`.

pub(crate) mod clear_cooldowns;
pub(crate) mod get;

//! What is known of objects on hosts (spec §1).

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod list;

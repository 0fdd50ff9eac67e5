//! Consumer keys. Their secrets are in the answers that make them, and nowhere else.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod rotate;
pub(crate) mod update;

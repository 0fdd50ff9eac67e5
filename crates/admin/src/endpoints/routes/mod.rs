//! Routes of the generation in force.

pub(crate) mod get;
pub(crate) mod list;

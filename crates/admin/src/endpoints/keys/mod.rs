//! Consumer keys of the generation in force; their secrets are nowhere.

pub(crate) mod get;
pub(crate) mod list;

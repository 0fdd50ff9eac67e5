//! The decision log (spec §7).

pub(crate) mod explain;
pub(crate) mod get;
pub(crate) mod list;

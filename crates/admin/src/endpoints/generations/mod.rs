//! Published generations of the fleet.

pub(crate) mod diff;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod rollback;

//! Published generations of the fleet.

pub(crate) mod get;
pub(crate) mod list;

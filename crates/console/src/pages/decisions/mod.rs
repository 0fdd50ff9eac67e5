//! The decision log: the list, and the story of one decision.

pub(crate) mod list;
pub(crate) mod story;

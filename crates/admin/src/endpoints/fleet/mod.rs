//! The fleet as a document (spec §8).

pub(crate) mod apply;
pub(crate) mod export;
pub(crate) mod plan;
pub(crate) mod simulate;
mod window;

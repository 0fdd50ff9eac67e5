//! Trying things: a chat as one of the consumers, where it would go, and the three actions.

pub(crate) mod actions;
mod asked;
pub(crate) mod chat;
pub(crate) mod send;
mod told;

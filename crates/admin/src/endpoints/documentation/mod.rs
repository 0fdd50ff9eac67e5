//! The description of the API: for programs, and for people as a page that needs nothing from anywhere else.

pub(crate) mod asset;
pub(crate) mod openapi;
pub(crate) mod page;
mod prose;
mod sample;
mod view;

//! The console over real HTTP, a real SQLite store, a real decision log and a scripted host.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod api;
mod channels;
mod edits;
mod headers;
mod hostile;
mod lists;
mod pages;
mod playground;
mod roles;
mod sessions;
mod start;
mod status;
mod support;
mod works;

//! The console over real HTTP, a real SQLite store, a real decision log and a scripted host.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod api;
mod edits;
mod headers;
mod hostile;
mod pages;
mod roles;
mod sessions;
mod support;

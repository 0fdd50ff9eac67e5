//! Notifications from the event to the service's socket: a real store, real
//! HTTP and SMTP on loopback, and a clock that the tests move.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod documents;
mod mail;
mod payloads;
mod raising;
mod sending;
mod support;

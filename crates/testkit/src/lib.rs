//! A scripted fake host and fixtures, for tests of every other crate and for `relay-manager demo`.
//!
//! [`FakeHost`] is a real HTTP/1.1 server on loopback that behaves as a sub2api deployment does
//! (sub2api-host-api.md §4, §7), in one of its two [`Personality`]s, or as a plain OpenAI-compatible server. What it answers is a [`Reply`]: a
//! small script of steps that can be shaped down to single bytes. What it saw is in [`Received`]. Its admin and user API works on a
//! [`FakePanel`] (§1 to §3): what is made through it counts at the gateway, and any of its calls can be given an [`AdminFault`].
//!
//! Everything a test waits for is an event: a [`Gate`] that the test opens, a request that came, a peer that went. Waiting methods
//! panic after [`PATIENCE`] so that a broken test fails with a sentence instead of hanging; nothing is decided by that time.
//!
//! This crate knows nothing of the product: it depends on no other crate of the workspace, so that a mistake in
//! the product's own wire types cannot repeat itself here.

#![forbid(unsafe_code)]

mod admin;
pub mod errors;
mod fixtures;
mod gate;
mod gateway;
mod host;
mod received;
mod reply;
mod server;
mod wire;
mod wire_query;

pub use admin::{
    AdminFault, Captcha, FakeAccount, FakeGroup, FakeKey, FakePanel, FakeSubscription, FakeUsageRow, FakeUser, Limits,
    Making,
};
pub use errors::HostError;
pub use fixtures::{FleetFixture, RouteFixture, SecretSource};
pub use gate::Gate;
pub use gateway::{Personality, Surface};
pub use host::{FakeHost, FakeHostBuilder};
pub use received::{Ending, Received};
pub use reply::{Answer, Cut, Reply, Usage};
pub use server::Accept;

use std::time::Duration;

/// How long a waiting method waits before it panics: far beyond what a loaded machine needs, so that only a real hang meets it.
pub const PATIENCE: Duration = Duration::from_secs(30);

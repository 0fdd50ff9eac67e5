//! HTTP/1.1 on a socket that its user polls, for both edges of the relay.
//!
//! A library that owns its connections answers three questions of a relay only
//! roughly: how far a request got before its connection broke (spec §5,
//! `not_sent` against `maybe_executed`), whether the peer is still there while
//! nothing is read, and what a waiting connection costs. Here a connection is
//! a plain value inside the task that uses it: dropping it closes the socket,
//! it counts what it sent, and it holds no buffer while it waits.
//!
//! Heads are parsed by `httparse`. Framing is RFC 9112 without its leniency:
//! what two parties could read differently is refused (spec §10). Bodies are
//! bytes; what they mean is not known here, nor is any clock.
//!
//! Reading order: [`fields`], [`head`] (what a head says), [`framing`] (where
//! its body ends), [`server`] and [`client`] (the two ends of a connection);
//! [`Upload`] is a body that comes in at the one while it goes out at the other.
#![forbid(unsafe_code)]

mod chunked;
mod decoder;
mod output;
mod scratch;
mod upload;

pub mod client;
pub mod fields;
pub mod framing;
pub mod head;
pub mod server;

pub use client::{ClientConnection, ReadError, RequestHeadWriter, Rest, SendError};
pub use fields::Fields;
pub use framing::{Framing, FramingError};
pub use head::{HeadError, RequestHead, ResponseHead, Version};
pub use server::{BodyError, RequestError, ResponseHeadWriter, ServerConnection};
pub use upload::Upload;

/// A head may be this long (spec §10).
pub const MAX_HEAD: usize = 64 * 1024;

/// A head may have this many fields.
pub const MAX_FIELDS: usize = 128;

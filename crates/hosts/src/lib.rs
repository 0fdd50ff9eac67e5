//! How a host is reached: which addresses may be connected to, the pooled
//! client, the one credential that goes out with a request, the host's own
//! admin and user API ([`admin`]), and what the request path asks about keys that
//! are obtained by it ([`managed`]).
//!
//! Nothing here decides where a request goes or whether it is tried again; a
//! failed send only says how far it got.
#![forbid(unsafe_code)]

pub mod address;
pub mod admin;
pub mod body;
mod certificate;
pub mod client;
mod connector;
pub mod endpoint;
mod idle;
mod inspect;
pub mod managed;
pub mod pool;
mod socket;
mod tls;

pub use body::RequestBody;
pub use client::{ClientOptions, HostClient, SendError};
pub use endpoint::Endpoint;
pub use inspect::{Inspected, inspect};
pub use pool::{Answer, HostPool, RelayRequest};

//! The JSON admin API over the control plane (spec §8), one endpoint a file.
//!
//! A handler extracts, authorizes, calls one use case of `relay-control`, and
//! shapes the answer. What happens to every request alike (its id, the token,
//! the shape of errors) is in `middleware`; `routes` lists the endpoints.
#![forbid(unsafe_code)]

mod body;
mod caller;
mod conditions;
mod endpoints;
mod error;
mod faults;
mod input;
mod json;
mod middleware;
mod openapi;
mod progress;
mod query;
mod routes;
mod serve;
mod state;

pub use routes::router;
pub use serve::{Changes, serve};
pub use state::{KEEP_ALIVE, Process, Scrape, Unready};

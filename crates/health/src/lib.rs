//! How the fleet is: what attempts have shown of routes, hosts and credentials, shared by
//! all who send requests.
//!
//! What opens a breaker and how long something cools down is decided in
//! `relay-routing`, by values without a lock or clock. Here are the locks: one cell for each
//! route, host and model, found again when a new generation is published, and for each
//! cell its deadlines in atomics, so that planning asks without a lock.
//!
//! Whoever makes an attempt asks for a [`Permit`] and tells it how the attempt ended. A permit
//! that is dropped untold says nothing: the client left, and a probe's place is free again.
//!
//! There is one owner of this state in a process (field note 25).
#![forbid(unsafe_code)]

mod carried;
mod clock;
mod fleet;
mod generation;
mod host;
mod permit;
mod report;
mod route;
mod siblings;
mod tally;

pub use carried::Carried;
pub use fleet::{Cleared, FleetHealth, Lookup, Selection};
pub use generation::{GenerationHealth, View};
pub use permit::Permit;
pub use relay_routing::breaker::{BreakerSettings, Refused};
pub use report::{BreakerReport, CoolingReport, Extent, FlagReport, HostReport, Report, RouteReport};
pub use route::CredentialId;
pub use tally::{Breakers, HostTally};

//! The data plane over real sockets, one module per behavior: scripted hosts on
//! one side, plain HTTP clients on the other, and the decision log read back.
//!
//! Tests wait for events (a gate, a request that came, a peer that went, a row in
//! the log). Times only bound how long a broken test may hang.

mod affinity;
mod client;
mod diagnostics;
mod disconnects;
mod failover;
mod faults;
mod forms;
mod forwarding;
mod health;
mod inside;
mod keys;
mod limits;
mod log;
mod managed;
mod memory;
mod panics;
mod refusals;
mod rig;
mod shutdown;
mod streaming;
mod surfaces;
mod traces;

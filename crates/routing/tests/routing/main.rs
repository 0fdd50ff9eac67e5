//! What planning and the failure policy promise, over their public surface: tables,
//! properties and golden explanations. Nothing here needs a runtime.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a helper that cannot go on fails the test that called it")]

mod breaker;
mod breaker_model;
mod clock;
mod cooldowns;
mod explanation;
mod fleets;
mod hard;
mod host_errors;
mod judgements;
mod locating;
mod outcomes;
mod panicking;
mod planning;
mod properties;
mod retries;
mod stickiness;

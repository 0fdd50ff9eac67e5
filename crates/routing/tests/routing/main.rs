//! What planning promises, over its public surface: tables, properties and
//! golden explanations. Nothing here needs a runtime.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a helper that cannot go on fails the test that called it")]

mod explanation;
mod fleets;
mod hard;
mod locating;
mod outcomes;
mod planning;
mod properties;
mod stickiness;

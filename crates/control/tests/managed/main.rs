//! Managed access against hosts of both known versions (spec §9): one file a behavior.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod adoption;
mod crash;
mod ensure;
mod renewal;
mod reports;
mod revocation;
mod rotation;
mod scale;
mod support;
mod warm;

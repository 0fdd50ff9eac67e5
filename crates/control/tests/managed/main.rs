//! Managed access against hosts of both known versions (spec §9): one file a behavior.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::items_after_statements, reason = "a trait is imported beside its one use")]
#![expect(clippy::type_complexity, reason = "tables of changes to a host")]

mod adoption;
mod caps;
mod crash;
mod ensure;
mod renewal;
mod reports;
mod revocation;
mod rotation;
mod scale;
mod setbacks;
mod support;
mod warm;

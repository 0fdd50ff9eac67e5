//! Managed access (docs/managed-access.md): what of it there is, giving it, taking it away, exchanging keys.

use std::time::Duration;

pub(crate) mod counts;
pub(crate) mod ensure;
pub(crate) mod ensure_fleet;
pub(crate) mod list;
pub(crate) mod revoke;
pub(crate) mod rotate;
pub(crate) mod show;

/// How long an answer waits for what was asked for; it is worked on all the same.
const WAIT: Duration = Duration::from_secs(30);

//! Managed access (docs/managed-access.md): what of it there is, giving it, taking it away, exchanging keys.

use std::time::Duration;

use utoipa::IntoParams;

use crate::input::Input;

pub(crate) mod counts;
pub(crate) mod ensure;
pub(crate) mod ensure_fleet;
pub(crate) mod list;
pub(crate) mod revoke;
pub(crate) mod rotate;
pub(crate) mod show;

/// How long an answer waits for what was asked for; it is worked on all the same.
const WAIT: Duration = Duration::from_secs(30);

/// Names of host, subscription user and group in the path.
fn grant(input: &Input) -> [String; 3] {
    input.segments().map(|name| name.trim().to_owned())
}

/// Which grant.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes what `grant` reads")]
struct GrantNames {
    /// The host.
    host_id: String,
    /// The user on the host.
    subscription_user: String,
    /// The group on the host: its id or name.
    group: String,
}

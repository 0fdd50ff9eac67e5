//! Routes: from a group's public model to a host's shadow model.

use crate::{GroupId, HostId, ModelPattern, Ratio, RouteId};

/// Whose gateway key a route sends (spec §1, "gateway key").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CredentialMode {
    /// The host's shared key.
    #[default]
    HostKey,
    /// A key that Relay Manager obtains for a subscription user.
    Managed,
    /// The caller's own key.
    Caller,
}

impl CredentialMode {
    /// The name used on every wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HostKey => "host_key",
            Self::Managed => "managed",
            Self::Caller => "caller",
        }
    }
}

/// What a request over a route costs, as a share of the list price: the host's
/// multiplier times what a unit of its credit costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RouteCost {
    /// What the host takes for the list price of one unit, in its credit.
    pub multiplier: Ratio,
    /// Money paid for one unit of the host's credit.
    pub recharge_ratio: Ratio,
}

/// One way to serve a group's model (spec §1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// `route_id`.
    pub id: RouteId,
    /// Shown beside the id; the id when none was given.
    pub name: String,
    /// The group it belongs to.
    pub group: GroupId,
    /// Which public models it serves.
    pub public_model: ModelPattern,
    /// The host that serves them.
    pub host: HostId,
    /// The group on that host: numeric id or name; empty when the key decides.
    pub shadow_group: String,
    /// The model name on that host; empty means the public name.
    pub shadow_model: String,
    /// Tier: lower is tried first.
    pub priority: u32,
    /// Share inside the tier; 0 drains: bound conversations stay, no new ones come.
    pub weight: u32,
    /// Whose gateway key is sent.
    pub credential: CredentialMode,
    /// A disabled route serves nothing.
    pub enabled: bool,
    /// What a request over it costs.
    pub cost: RouteCost,
}

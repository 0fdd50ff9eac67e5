//! Why a route may not serve a request (spec §4): each exclusion with a reason
//! that an operator can act on.

use std::fmt;

use relay_domain::Timestamp;

use crate::health::RouteHealth;
use crate::{CredentialFault, RouteIndex};

/// Why a route is not a candidate. When several apply the first in this order is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exclusion {
    /// The operator disabled the group.
    GroupDisabled,
    /// The operator disabled the host.
    HostDisabled,
    /// The operator disabled the route.
    RouteDisabled,
    /// `previous_response_id` is not known here any more, so no route may serve it.
    PreviousResponseUnknown,
    /// `previous_response_id` was made by another host.
    NotTheHardBoundHost,
    /// `previous_response_id` was made by another user of this host.
    NotTheHardBoundUser,
    /// The host does not speak this API.
    SurfaceUnsupported,
    /// It was tried in this request.
    AlreadyTried,
    /// Weight 0, and this conversation is not bound to it.
    Drained,
    /// There is no usable gateway key.
    CredentialUnusable {
        /// What is wrong with it.
        why: CredentialFault,
    },
    /// The route or its host failed.
    CoolingDown {
        /// When it may be tried again.
        until: Timestamp,
    },
    /// No room for another request just now.
    Busy,
    /// A limit is used up.
    OverLimit {
        /// Which limit.
        limit: &'static str,
    },
}

impl Exclusion {
    /// The label used in decisions and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GroupDisabled => "group_disabled",
            Self::HostDisabled => "host_disabled",
            Self::RouteDisabled => "route_disabled",
            Self::PreviousResponseUnknown => "previous_response_unknown",
            Self::NotTheHardBoundHost => "not_the_hard_bound_host",
            Self::NotTheHardBoundUser => "not_the_hard_bound_user",
            Self::SurfaceUnsupported => "surface_unsupported",
            Self::AlreadyTried => "already_tried",
            Self::Drained => "drained",
            Self::CredentialUnusable { .. } => "credential_unusable",
            Self::CoolingDown { .. } => "cooling_down",
            Self::Busy => "busy",
            Self::OverLimit { .. } => "over_limit",
        }
    }

    /// When the route may be tried again, where that is known: for `Retry-After`.
    pub fn until(self) -> Option<Timestamp> {
        match self {
            Self::CoolingDown { until } | Self::CredentialUnusable { why: CredentialFault::CoolingDown { until } } => {
                Some(until)
            }
            Self::CredentialUnusable { why: CredentialFault::ManagedUnavailable { until, .. } } => until,
            _ => None,
        }
    }

    /// Whether the route is well and merely full: a conversation bound to it
    /// borrows another and keeps its binding (spec §3, `borrow`).
    pub fn is_momentary(self) -> bool {
        matches!(self, Self::Busy | Self::OverLimit { .. })
    }

    pub(crate) fn from_health(health: RouteHealth) -> Option<Self> {
        match health {
            RouteHealth::Available => None,
            RouteHealth::CoolingDown { until } => Some(Self::CoolingDown { until }),
            RouteHealth::Busy => Some(Self::Busy),
            RouteHealth::OverLimit { limit } => Some(Self::OverLimit { limit }),
        }
    }
}

impl fmt::Display for Exclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GroupDisabled => f.write_str("the group is disabled"),
            Self::HostDisabled => f.write_str("the host is disabled"),
            Self::RouteDisabled => f.write_str("the route is disabled"),
            Self::PreviousResponseUnknown => f.write_str("previous_response_id is not known here (any more)"),
            Self::NotTheHardBoundHost => f.write_str("previous_response_id was made by another host"),
            Self::NotTheHardBoundUser => f.write_str("previous_response_id was made by another user of this host"),
            Self::SurfaceUnsupported => f.write_str("the host does not speak this API"),
            Self::AlreadyTried => f.write_str("it was already tried in this request"),
            Self::Drained => f.write_str("it is drained (weight 0) and the conversation is not bound to it"),
            Self::CredentialUnusable { why } => fmt::Display::fmt(why, f),
            Self::CoolingDown { until } => write!(f, "it is cooling down until {until}"),
            Self::Busy => f.write_str("it is busy"),
            Self::OverLimit { limit } => write!(f, "it is over its limit of {limit}"),
        }
    }
}

/// A route that is not a candidate, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Excluded {
    /// The route.
    pub route: RouteIndex,
    /// Why it may not serve.
    pub reason: Exclusion,
}

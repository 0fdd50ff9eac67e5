//! What planning asks about gateway keys. Keys themselves never come here.

use std::fmt;

use relay_domain::Timestamp;

use crate::RouteEntry;

/// Why a route has no gateway key to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialFault {
    /// `credential = "host_key"`, and the host has no `gateway_key`.
    HostKeyMissing,
    /// `credential = "caller"`, and the caller sent no key for it.
    CallerKeyMissing,
    /// `credential = "managed"`, and the consumer key names no subscription user.
    SubscriptionUserMissing,
    /// `credential = "managed"`, and no key can be had now.
    ManagedUnavailable {
        /// Why: one of a fixed set of names.
        why: &'static str,
        /// When it may be tried again, where that is known.
        until: Option<Timestamp>,
    },
    /// There is one, and it cannot be decrypted.
    Unreadable,
    /// The host refused it.
    Rejected,
    /// The host limits it, or its quota is used up, until then.
    CoolingDown {
        /// When it may be used again.
        until: Timestamp,
    },
}

impl fmt::Display for CredentialFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HostKeyMissing => f.write_str("the host has no gateway_key"),
            Self::CallerKeyMissing => f.write_str("the caller sent no gateway key of its own"),
            Self::SubscriptionUserMissing => f.write_str("the consumer key has no subscription_user"),
            Self::ManagedUnavailable { why, until: None } => write!(f, "no managed key can be had ({why})"),
            Self::ManagedUnavailable { why, until: Some(until) } => {
                write!(f, "no managed key can be had until {until} ({why})")
            }
            Self::Unreadable => f.write_str("the gateway key cannot be decrypted"),
            Self::Rejected => f.write_str("the host refuses the gateway key"),
            Self::CoolingDown { until } => write!(f, "the gateway key is limited until {until}"),
        }
    }
}

/// Answers for routes. Asked once per route and plan, so it must be cheap and must not block.
pub trait CredentialView {
    /// Whether there is a gateway key to send on `route`.
    ///
    /// # Errors
    /// Why there is none.
    fn usable(&self, route: &RouteEntry, now: Timestamp) -> Result<(), CredentialFault>;

    /// Whether the key sent on `route` belongs to `identity`: the host user that
    /// made an earlier response. Asked only for hard bindings.
    fn is_identity(&self, route: &RouteEntry, identity: &str) -> bool;
}

/// Every route has a key, of whatever identity is asked for: for dry runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllUsable;

impl CredentialView for AllUsable {
    fn usable(&self, _route: &RouteEntry, _now: Timestamp) -> Result<(), CredentialFault> {
        Ok(())
    }

    fn is_identity(&self, _route: &RouteEntry, _identity: &str) -> bool {
        true
    }
}

//! Which gateway keys a request may count on, for its plan and for health.

use relay_domain::{CredentialMode, Timestamp};
use relay_health::{CredentialId, View};
use relay_routing::{CredentialFault, CredentialView, RouteEntry};

use crate::serving::Serving;

/// The keys of one request.
#[derive(Clone, Copy)]
pub(crate) struct Credentials<'a> {
    pub(crate) serving: &'a Serving,
    pub(crate) health: View<'a>,
    /// The caller's own key, where a route may send it.
    pub(crate) caller: Option<CredentialId>,
}

impl CredentialView for Credentials<'_> {
    fn usable(&self, route: &RouteEntry, _now: Timestamp) -> Result<(), CredentialFault> {
        let credential = self.serving.credential(route, self.caller)?;
        match self.health.cooling_until(route.index, credential) {
            None => Ok(()),
            Some(until) => Err(CredentialFault::CoolingDown { until }),
        }
    }

    fn is_identity(&self, route: &RouteEntry, identity: &str) -> bool {
        self.serving.credential(route, self.caller) == Ok(CredentialId::of(identity))
    }
}

impl Serving {
    /// The key that is sent on a route.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn credential(
        &self,
        route: &RouteEntry,
        caller: Option<CredentialId>,
    ) -> Result<CredentialId, CredentialFault> {
        match route.route.credential {
            CredentialMode::HostKey => self.host_key(route.index).ok_or(CredentialFault::HostKeyMissing),
            CredentialMode::Caller => caller.ok_or(CredentialFault::CallerKeyMissing),
            CredentialMode::Managed => Err(CredentialFault::ManagedUnavailable),
        }
    }
}

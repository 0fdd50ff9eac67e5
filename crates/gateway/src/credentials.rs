//! Which gateway keys a request may count on, for its plan, its attempts and health.
//!
//! A managed key is looked up in memory, when planning and again when it is sent; a
//! cold one is a candidate like any other, and waited for when its turn comes.

use std::sync::Arc;
use std::time::Duration;

use relay_domain::{CredentialMode, Route, Timestamp};
use relay_health::{CredentialId, View};
use relay_hosts::managed::{Lookup, ManagedKey, ManagedKeys, Refused, Unobtainable, Wanted};
use relay_routing::{CredentialFault, CredentialView, RouteEntry};

use crate::serving::Serving;

/// How identities of managed keys begin.
const USER: &str = "user:";

/// The keys of one request.
#[derive(Clone, Copy)]
pub(crate) struct Credentials<'a> {
    pub(crate) serving: &'a Serving,
    pub(crate) health: View<'a>,
    /// The caller's own key, where a route may send it.
    pub(crate) caller: Option<CredentialId>,
    pub(crate) subscriber: Subscriber<'a>,
    pub(crate) now: Timestamp,
}

/// Managed keys as one consumer may have them.
#[derive(Clone, Copy)]
pub(crate) struct Subscriber<'a> {
    pub(crate) keys: &'a dyn ManagedKeys,
    /// The subscription user of the consumer key.
    pub(crate) user: Option<&'a str>,
}

/// The key that an attempt sends.
#[derive(Clone)]
pub(crate) struct GatewayKey {
    pub(crate) id: CredentialId,
    pub(crate) managed: Option<Arc<ManagedKey>>,
}

impl GatewayKey {
    fn shared(id: CredentialId) -> Self {
        Self { id, managed: None }
    }

    /// Who can go on from what was made with it: a managed key's user, whatever key it has by then.
    pub(crate) fn identity(&self, fingerprint: &Arc<str>) -> Arc<str> {
        self.managed.as_ref().map_or_else(|| Arc::clone(fingerprint), |key| Arc::clone(&key.identity))
    }

    fn is_identity(&self, identity: &str) -> bool {
        match &self.managed {
            Some(key) => &*key.identity == identity,
            None => self.id == CredentialId::of(identity),
        }
    }

    fn managed(key: Arc<ManagedKey>) -> Self {
        Self { id: CredentialId::of(&key.fingerprint), managed: Some(key) }
    }
}

impl CredentialView for Credentials<'_> {
    fn usable(&self, route: &RouteEntry, now: Timestamp) -> Result<(), CredentialFault> {
        let Some(key) = self.serving.key(route, self.caller, self.subscriber, now)? else { return Ok(()) };
        match self.health.cooling_until(route.index, key.id) {
            None => Ok(()),
            Some(until) => Err(CredentialFault::CoolingDown { until }),
        }
    }

    fn is_identity(&self, route: &RouteEntry, identity: &str) -> bool {
        match self.serving.key(route, self.caller, self.subscriber, self.now) {
            Ok(Some(key)) => key.is_identity(identity),
            // It is not there just now: `usable` has the reason, and it will be the same user's again.
            Ok(None) | Err(_) => route.route.credential == CredentialMode::Managed && identity.starts_with(USER),
        }
    }
}

impl Serving {
    /// The key that is sent on a route; `None` when it is a managed one that may be had by waiting.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn key(
        &self,
        route: &RouteEntry,
        caller: Option<CredentialId>,
        subscriber: Subscriber<'_>,
        now: Timestamp,
    ) -> Result<Option<GatewayKey>, CredentialFault> {
        let shared = match route.route.credential {
            CredentialMode::HostKey => self.host_key(route.index).ok_or(CredentialFault::HostKeyMissing)?,
            CredentialMode::Caller => caller.ok_or(CredentialFault::CallerKeyMissing)?,
            CredentialMode::Managed => {
                return Ok(subscriber.present(&route.route, now)?.map(GatewayKey::managed));
            }
        };
        Ok(Some(GatewayKey::shared(shared)))
    }
}

impl<'a> Subscriber<'a> {
    /// The key of a managed route, if it is there.
    fn present(self, route: &'a Route, now: Timestamp) -> Result<Option<Arc<ManagedKey>>, CredentialFault> {
        match self.keys.look_up(self.wanted(route)?, now) {
            Lookup::Ready(key) => Ok(Some(key)),
            Lookup::Cold => Ok(None),
            Lookup::Refused(refused) => Err(unavailable(refused)),
        }
    }

    /// The same, waited for.
    pub(crate) async fn obtained(
        self,
        route: &'a Route,
        limit: Duration,
        now: Timestamp,
    ) -> Result<GatewayKey, CredentialFault> {
        match self.keys.obtain(self.wanted(route)?, limit).await {
            Ok(key) => Ok(GatewayKey::managed(key)),
            Err(Unobtainable::Refused(refused)) => Err(unavailable(refused)),
            // It is worked on, so it is worth asking again at once.
            Err(Unobtainable::NotInTime) => {
                Err(CredentialFault::ManagedUnavailable { why: "not_in_time", until: Some(now) })
            }
            Err(Unobtainable::ShuttingDown) => {
                Err(CredentialFault::ManagedUnavailable { why: "shutting_down", until: None })
            }
        }
    }

    fn wanted(self, route: &'a Route) -> Result<Wanted<'a>, CredentialFault> {
        let user = self.user.ok_or(CredentialFault::SubscriptionUserMissing)?;
        Ok(Wanted { host: &route.host, user, group: &route.shadow_group })
    }
}

fn unavailable(refused: Refused) -> CredentialFault {
    CredentialFault::ManagedUnavailable { why: refused.why.as_str(), until: refused.until }
}

//! Whose gateway key a forward sends: the one that came with the request, or a managed one of a
//! subscription user (spec §3).

use std::sync::Arc;

use relay_domain::{Host, HostKind, Route, Secret};
use relay_hosts::endpoint;
use relay_hosts::managed::{GatewaySaid, ManagedKey, ManagedKeys as _, Refused, Unobtainable, Wanted, Why};
use relay_routing::{Effect, Outcome};
use relay_store::GrantName;

use super::error::ActionError;
use super::input::RequestedKey;
use crate::Control;

/// `effective_gateway_key_source` of a key that came with the request.
const REQUESTED: &str = "requested_probe_api_key";

/// The same of a key that Relay Manager obtained.
const MANAGED: &str = "managed_subscription";

/// A key to send.
pub(super) enum EffectiveKey {
    /// It came with the request.
    Requested(Secret),
    /// It was obtained.
    Managed(Arc<ManagedKey>),
}

impl EffectiveKey {
    pub(super) fn secret(&self) -> &Secret {
        match self {
            Self::Requested(secret) => secret,
            Self::Managed(key) => &key.secret,
        }
    }

    pub(super) fn source(&self) -> &'static str {
        match self {
            Self::Requested(_) => REQUESTED,
            Self::Managed(_) => MANAGED,
        }
    }

    pub(super) fn fingerprint(&self) -> Arc<str> {
        match self {
            Self::Requested(secret) => endpoint::fingerprint(secret),
            Self::Managed(key) => Arc::clone(&key.fingerprint),
        }
    }

    pub(super) fn managed_user_id(&self) -> Option<String> {
        match self {
            Self::Requested(_) => None,
            Self::Managed(key) => Some(key.user_id.to_string()),
        }
    }
}

impl Control {
    /// The key for a route, obtained within the time limit when it has to be.
    pub(super) async fn effective_key(
        &self,
        requested: &RequestedKey,
        route: &Route,
        host: &Host,
        shadow_group_id: &str,
    ) -> Result<EffectiveKey, ActionError> {
        let user = match requested {
            RequestedKey::Given(key) => return Ok(EffectiveKey::Requested(key.clone())),
            RequestedKey::SubscriptionUser(user) => user,
        };
        if host.kind != HostKind::Sub2api {
            let message = format!("host \"{}\" is no sub2api host, so it has no managed keys", host.id);
            return Err(ActionError::ServerMisconfigured(message));
        }
        let wanted = Wanted { host: &route.host, user, group: shadow_group_id };
        match self.parts.managed.obtain(wanted, self.parts.limits.time_limit).await {
            Ok(key) => Ok(EffectiveKey::Managed(key)),
            Err(error) => Err(self.unobtainable(wanted, error).await),
        }
    }

    /// Named clearly: the record says what the request path is not told.
    async fn unobtainable(&self, wanted: Wanted<'_>, error: Unobtainable) -> ActionError {
        let whose = format!("user \"{}\" in group {} of host \"{}\"", wanted.user, wanted.group, wanted.host);
        let Unobtainable::Refused(Refused { why, .. }) = error else {
            return ActionError::Host(format!("the managed key of {whose} was not obtained in time; it is worked on"));
        };
        let mut message = format!("no managed key of {whose}: {why}");
        if let Ok(group_id) = wanted.group.parse() {
            let name = GrantName { host: wanted.host.clone(), user: wanted.user.into(), group_id };
            let view = self.parts.managed.grant_view(&name).await.ok().flatten();
            if let Some(problem) = view.and_then(|view| view.problem) {
                message = format!("{message}: {}; {}", problem.message, problem.remedy);
            }
        }
        match why {
            Why::NoHost | Why::NoAccess | Why::Store => ActionError::ServerMisconfigured(message),
            _ => ActionError::Host(message),
        }
    }

    /// What an answer says of a managed key is known to all from then on.
    pub(super) fn report_key(&self, key: &EffectiveKey, outcome: &Outcome) {
        let EffectiveKey::Managed(key) = key else { return };
        let now = self.now();
        match outcome.effect {
            Effect::Refused => self.parts.managed.report(key, GatewaySaid::Refused, now),
            Effect::Quota(_) => {
                let until = outcome.wait.and_then(|wait| now.checked_add(wait).ok());
                self.parts.managed.report(key, GatewaySaid::QuotaExhausted { until }, now);
            }
            _ => {}
        }
    }
}

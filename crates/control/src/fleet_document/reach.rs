//! Routes that can serve nothing, whatever is asked for.

use relay_domain::{ConsumerKey, CredentialMode, Fleet, ModelPattern, Route, Timestamp};
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A route that is enabled and can serve nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeadRoute {
    /// The route.
    pub route_id: String,
    /// Its host.
    pub host_id: String,
    /// Its group.
    pub logical_group_id: String,
    /// What it would serve.
    pub public_model: String,
    /// `host_disabled`, `group_disabled`, `no_key` (no key may call it) or `no_subscription_user` (it is managed, and
    /// no key that may call it says who subscribes).
    pub reason: String,
}

/// Why a route serves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dead {
    HostDisabled,
    GroupDisabled,
    NoKey,
    NoSubscriptionUser,
}

impl Dead {
    fn as_str(self) -> &'static str {
        match self {
            Self::HostDisabled => "host_disabled",
            Self::GroupDisabled => "group_disabled",
            Self::NoKey => "no_key",
            Self::NoSubscriptionUser => "no_subscription_user",
        }
    }
}

/// Every enabled route that can serve nothing, in the fleet's order.
pub fn dead_routes(fleet: &Fleet, now: Timestamp) -> Vec<DeadRoute> {
    let of = |(route, reason): (&Route, Dead)| DeadRoute {
        route_id: route.id.to_string(),
        host_id: route.host.to_string(),
        logical_group_id: route.group.to_string(),
        public_model: route.public_model.to_string(),
        reason: reason.as_str().to_owned(),
    };
    dead(fleet, now).map(of).collect()
}

pub(super) fn dead(fleet: &Fleet, now: Timestamp) -> impl Iterator<Item = (&Route, Dead)> {
    let disabled_hosts: FxHashSet<&str> =
        fleet.hosts.iter().filter(|host| !host.enabled).map(|host| host.id.as_str()).collect();
    let disabled_groups: FxHashSet<&str> =
        fleet.groups.iter().filter(|group| !group.enabled).map(|group| group.id.as_str()).collect();
    let mut callers: FxHashMap<&str, Vec<&ConsumerKey>> = FxHashMap::default();
    let is_live = |key: &&ConsumerKey| key.enabled && key.expires_at.is_none_or(|at| at > now);
    for key in fleet.keys.iter().filter(is_live) {
        for group in &key.groups {
            callers.entry(group.as_str()).or_default().push(key);
        }
    }
    let has_keys = !fleet.keys.is_empty();
    fleet.routes.iter().filter(|route| route.enabled).filter_map(move |route| {
        if disabled_hosts.contains(route.host.as_str()) {
            return Some((route, Dead::HostDisabled));
        }
        if disabled_groups.contains(route.group.as_str()) {
            return Some((route, Dead::GroupDisabled));
        }
        let callers = callers.get(route.group.as_str()).map(Vec::as_slice).unwrap_or_default();
        let mut callers = callers.iter().filter(|key| may_call_some(key, &route.public_model)).peekable();
        if callers.peek().is_none() {
            // Without any key the fleet is an operator's, whose actions need none.
            return has_keys.then_some((route, Dead::NoKey));
        }
        let pays = route.credential != CredentialMode::Managed || callers.any(|key| key.subscription_user.is_some());
        (!pays).then_some((route, Dead::NoSubscriptionUser))
    })
}

/// Whether the key's list of models and the pattern have a name in common.
fn may_call_some(key: &ConsumerKey, pattern: &ModelPattern) -> bool {
    let meet = |allowed: &ModelPattern| match (allowed, pattern) {
        (ModelPattern::Prefix(allowed), ModelPattern::Prefix(served)) => {
            allowed.starts_with(served.as_str()) || served.starts_with(allowed.as_str())
        }
        (allowed, ModelPattern::Exact(name)) => allowed.matches(name),
        (ModelPattern::Exact(name), served) => served.matches(name),
    };
    key.models.is_empty() || key.models.iter().any(meet)
}

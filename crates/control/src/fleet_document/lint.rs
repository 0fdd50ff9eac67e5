//! What is legal in a fleet and probably not meant (spec §8, "what the linter says").

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use jiff::SignedDuration;
use relay_domain::host::HOST_STICKY_TTL;
use relay_domain::{
    AdminAccess, ConsumerKey, CredentialMode, Fleet, Group, GroupId, Host, Route, SecretSource, Timestamp,
};

/// A key that expires sooner is mentioned.
const EXPIRES_SOON: Duration = Duration::from_hours(7 * 24);

/// All warnings, hosts first, in the document's order.
pub(crate) fn warnings(fleet: &Fleet, now: Timestamp) -> Vec<String> {
    let mut warnings = Vec::new();
    if fleet.hosts.is_empty() && fleet.groups.is_empty() && fleet.routes.is_empty() && fleet.keys.is_empty() {
        warnings.push("the fleet is empty: nothing will be served".to_owned());
    }
    let routed: HashSet<&str> = fleet.routes.iter().map(|route| route.group.as_str()).collect();
    let callable: HashSet<&str> = fleet.keys.iter().flat_map(|key| &key.groups).map(GroupId::as_str).collect();
    fleet.hosts.iter().for_each(|host| lint_host(host, &mut warnings));
    for group in &fleet.groups {
        lint_group(group, &routed, &callable, &mut warnings);
    }
    lint_routes(fleet, &mut warnings);
    lint_models(fleet, &mut warnings);
    fleet.keys.iter().for_each(|key| lint_key(key, now, &mut warnings));
    lint_managed(fleet, &mut warnings);
    warnings
}

fn lint_host(host: &Host, warnings: &mut Vec<String>) {
    let id = &host.id;
    let mut literal = |field: &str, source: &SecretSource| {
        if *source == SecretSource::Value {
            warnings.push(format!(
                "host \"{id}\": {field} is given by value; {{ env = \"…\" }} or {{ file = \"…\" }} keeps it out of the document"
            ));
        }
    };
    match &host.admin {
        Some(AdminAccess::Key(secret)) => literal("admin_key", &secret.source),
        Some(AdminAccess::Login { password, .. }) => literal("login.password", &password.source),
        None => {}
    }
    if let Some(key) = &host.gateway_key {
        literal("gateway_key", &key.source);
    }
    if *host.base_url.scheme() == http::uri::Scheme::HTTP && !host.allow_private {
        warnings.push(format!("host \"{id}\": base_url is http://, so keys and prompts cross the network in clear"));
    }
}

fn lint_group(group: &Group, routed: &HashSet<&str>, callable: &HashSet<&str>, warnings: &mut Vec<String>) {
    let id = &group.id;
    if !routed.contains(id.as_str()) {
        warnings.push(format!("group \"{id}\": it has no route, so every request to it is refused"));
    }
    if !callable.contains(id.as_str()) {
        warnings.push(format!("group \"{id}\": no key may call it"));
    }
    if group.sticky.ttl > HOST_STICKY_TTL {
        warnings.push(format!(
            "group \"{id}\": sticky.ttl {} is longer than the {} for which hosts keep theirs",
            humantime::format_duration(group.sticky.ttl),
            humantime::format_duration(HOST_STICKY_TTL)
        ));
    }
}

fn lint_routes(fleet: &Fleet, warnings: &mut Vec<String>) {
    let disabled_hosts: HashSet<&str> =
        fleet.hosts.iter().filter(|host| !host.enabled).map(|host| host.id.as_str()).collect();
    let disabled_groups: HashSet<&str> =
        fleet.groups.iter().filter(|group| !group.enabled).map(|group| group.id.as_str()).collect();
    for route in fleet.routes.iter().filter(|route| route.enabled) {
        let id = &route.id;
        if disabled_hosts.contains(route.host.as_str()) {
            warnings.push(format!("route \"{id}\": host \"{}\" is disabled, so the route serves nothing", route.host));
        }
        if disabled_groups.contains(route.group.as_str()) {
            warnings
                .push(format!("route \"{id}\": group \"{}\" is disabled, so the route serves nothing", route.group));
        }
    }
}

fn lint_models(fleet: &Fleet, warnings: &mut Vec<String>) {
    let enabled_hosts: HashMap<&str, bool> = fleet.hosts.iter().map(|host| (host.id.as_str(), host.enabled)).collect();
    let mut models: BTreeMap<(&str, String), Vec<&Route>> = BTreeMap::new();
    for route in &fleet.routes {
        models.entry((route.group.as_str(), route.public_model.to_string())).or_default().push(route);
    }
    for ((group, model), routes) in models {
        let live: Vec<&&Route> = routes
            .iter()
            .filter(|route| route.enabled && enabled_hosts.get(route.host.as_str()) == Some(&true))
            .collect();
        if live.is_empty() {
            warnings
                .push(format!("group \"{group}\", model \"{model}\": no enabled route on an enabled host serves it"));
            continue;
        }
        if live.iter().all(|route| route.weight == 0) {
            warnings.push(format!(
                "group \"{group}\", model \"{model}\": every route has weight 0, so no new conversation is served"
            ));
        }
        let hosts: BTreeSet<&str> = live.iter().map(|route| route.host.as_str()).collect();
        if let (1, Some(host)) = (hosts.len(), hosts.first()) {
            warnings.push(format!(
                "group \"{group}\", model \"{model}\": its tiers have one host, \"{host}\"; when it fails nothing else serves the model"
            ));
        }
    }
}

/// A managed route serves only keys that say whose subscription pays.
fn lint_managed(fleet: &Fleet, warnings: &mut Vec<String>) {
    let managed = fleet.routes.iter().filter(|route| route.credential == CredentialMode::Managed);
    let groups: BTreeSet<&GroupId> = managed.map(|route| &route.group).collect();
    for key in fleet.keys.iter().filter(|key| key.subscription_user.is_none()) {
        let called = key.groups.iter().filter(|group| groups.contains(group));
        warnings.extend(called.map(|group| {
            format!("key \"{}\": group \"{group}\" has managed routes, and the key has no subscription_user", key.id)
        }));
    }
}

fn lint_key(key: &ConsumerKey, now: Timestamp, warnings: &mut Vec<String>) {
    let id = &key.id;
    let Some(expires_at) = key.expires_at else { return };
    let left = expires_at.duration_since(now);
    if left <= SignedDuration::ZERO {
        warnings.push(format!("key \"{id}\": it expired at {expires_at}"));
    } else if left.unsigned_abs() < EXPIRES_SOON {
        warnings.push(format!("key \"{id}\": it expires soon, at {expires_at}"));
    }
}

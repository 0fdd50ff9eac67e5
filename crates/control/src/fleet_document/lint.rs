//! What is legal in a fleet and probably not meant (spec §8, "what the linter says"), with what to do about it.
//! docs/plan.md lists the rules.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::SignedDuration;
use relay_domain::host::HOST_STICKY_TTL;
use relay_domain::{
    AdminAccess, ConsumerKey, CredentialMode, Fleet, Group, GroupId, Host, HostId, ModelPattern, Route, SecretSource,
    Timestamp,
};
use rustc_hash::{FxHashMap, FxHashSet};

use super::finding::Finding;
use super::reach::{Dead, dead};

/// A key that expires sooner is mentioned.
const EXPIRES_SOON: Duration = Duration::from_hours(7 * 24);

/// All findings, hosts first, in the document's order.
pub(crate) fn findings(fleet: &Fleet, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    if fleet.hosts.is_empty() && fleet.groups.is_empty() && fleet.routes.is_empty() && fleet.keys.is_empty() {
        findings.push(Finding::warning(
            "empty_fleet",
            "the fleet is empty".to_owned(),
            "nothing will be served".to_owned(),
            "add [[host]], [[group]], [[route]] and [[key]]",
        ));
    }
    let routed: FxHashSet<&str> = fleet.routes.iter().map(|route| route.group.as_str()).collect();
    let callable: FxHashSet<&str> = fleet.keys.iter().flat_map(|key| &key.groups).map(GroupId::as_str).collect();
    fleet.hosts.iter().for_each(|host| lint_host(host, &mut findings));
    for group in &fleet.groups {
        lint_group(group, &routed, &callable, &mut findings);
    }
    lint_routes(fleet, &callable, now, &mut findings);
    lint_models(fleet, &mut findings);
    fleet.keys.iter().for_each(|key| lint_key(key, now, &mut findings));
    lint_managed(fleet, &mut findings);
    findings
}

fn lint_host(host: &Host, findings: &mut Vec<Finding>) {
    let subject = || format!("host \"{}\"", host.id);
    let mut literal = |field: &str, source: &SecretSource| {
        if *source == SecretSource::Value {
            findings.push(Finding::warning(
                "secret_by_value",
                subject(),
                format!(
                    "{field} is given by value; {{ env = \"…\" }} or {{ file = \"…\" }} keeps it out of the document"
                ),
                "put it into a variable or a file, and write the reference",
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
        findings.push(Finding::warning(
            "clear_text",
            subject(),
            "base_url is http://, so keys and prompts cross the network in clear".to_owned(),
            "use https://, or allow_private = true if the host is on a private network",
        ));
    }
}

fn lint_group(group: &Group, routed: &FxHashSet<&str>, callable: &FxHashSet<&str>, findings: &mut Vec<Finding>) {
    let subject = || format!("group \"{}\"", group.id);
    if !routed.contains(group.id.as_str()) {
        let message = "it has no route, so every request to it is refused".to_owned();
        findings.push(Finding::warning(
            "group_without_route",
            subject(),
            message,
            "add a [[route]] to it, or remove it",
        ));
    }
    if !callable.contains(group.id.as_str()) {
        let message = "no key may call it".to_owned();
        let remedy = "name it in the logical_groups of a key, or remove it";
        findings.push(Finding::warning("group_without_key", subject(), message, remedy));
    }
    if group.sticky.ttl > HOST_STICKY_TTL {
        findings.push(Finding::warning(
            "ttl_longer_than_host",
            subject(),
            format!(
                "sticky.ttl {} is longer than the {} for which hosts keep theirs",
                humantime::format_duration(group.sticky.ttl),
                humantime::format_duration(HOST_STICKY_TTL)
            ),
            "use 1h: afterwards the prompt cache that a binding points at is gone",
        ));
    }
}

fn lint_routes(fleet: &Fleet, callable: &FxHashSet<&str>, now: Timestamp, findings: &mut Vec<Finding>) {
    for (route, why) in dead(fleet, now) {
        let (message, remedy) = match why {
            Dead::HostDisabled => (
                format!("host \"{}\" is disabled, so the route serves nothing", route.host),
                "enable the host, or disable the route as well",
            ),
            Dead::GroupDisabled => (
                format!("group \"{}\" is disabled, so the route serves nothing", route.group),
                "enable the group, or disable the route as well",
            ),
            // Of such a group it is said once.
            Dead::NoKey if !callable.contains(route.group.as_str()) => continue,
            Dead::NoKey => (
                format!(
                    "no live key may call \"{}\" of group \"{}\", so it serves nobody",
                    route.public_model, route.group
                ),
                "add the model to the models of a key, renew the key, or remove the route",
            ),
            Dead::NoSubscriptionUser => (
                "it is managed, and no key that may call it has a subscription_user".to_owned(),
                "give a key its subscription_user, or use another credential",
            ),
        };
        findings.push(Finding::warning("unreachable_route", format!("route \"{}\"", route.id), message, remedy));
    }
}

fn lint_models(fleet: &Fleet, findings: &mut Vec<Finding>) {
    let enabled_hosts: FxHashMap<&str, bool> =
        fleet.hosts.iter().map(|host| (host.id.as_str(), host.enabled)).collect();
    let mut models: FxHashMap<(&GroupId, &ModelPattern), Vec<&Route>> = FxHashMap::default();
    for route in &fleet.routes {
        models.entry((&route.group, &route.public_model)).or_default().push(route);
    }
    let mut models: Vec<_> =
        models.into_iter().map(|((group, model), routes)| (group.as_str(), model.to_string(), routes)).collect();
    models.sort_unstable_by(|(group, model, _), (other, others, _)| (group, model).cmp(&(other, others)));
    for (group, model, mut routes) in models {
        routes.retain(|route| route.enabled && enabled_hosts.get(route.host.as_str()) == Some(&true));
        lint_model(&|| format!("group \"{group}\", model \"{model}\""), &routes, findings);
    }
}

/// `live` are the enabled routes on enabled hosts of one model.
fn lint_model(subject: &dyn Fn() -> String, live: &[&Route], findings: &mut Vec<Finding>) {
    let mut warn = |code, message: String, remedy| {
        findings.push(Finding::warning(code, subject(), message, remedy));
    };
    if live.is_empty() {
        let message = "no enabled route on an enabled host serves it".to_owned();
        return warn("model_on_no_host", message, "enable one of its routes and its host, or remove the model");
    }
    if live.iter().all(|route| route.weight == 0) {
        let message = "every route has weight 0, so no new conversation is served".to_owned();
        warn("weight_0_everywhere", message, "give one of them a weight above 0");
    }
    if let Some(host) = only_host(live.iter().copied()) {
        let message = format!("its tiers have one host, \"{host}\"; when it fails nothing else serves the model");
        return warn("one_host_tier", message, "add a route on another host");
    }
    let Some(best) = live.iter().filter(|route| route.weight > 0).map(|route| route.priority).min() else { return };
    let in_best = live.iter().copied().filter(|route| route.weight > 0 && route.priority == best);
    if let Some(host) = only_host(in_best) {
        let message =
            format!("tier {best} has one host, \"{host}\"; when it fails all of its traffic goes a tier down");
        let remedy = "nothing, if that is meant; else add a route on another host to this tier";
        findings.push(Finding::note("one_host_tier", subject(), message, remedy));
    }
}

/// The host of all the routes.
fn only_host<'a>(mut routes: impl Iterator<Item = &'a Route>) -> Option<&'a HostId> {
    let host = &routes.next()?.host;
    routes.all(|route| route.host == *host).then_some(host)
}

/// A managed route serves only keys that say whose subscription pays.
fn lint_managed(fleet: &Fleet, findings: &mut Vec<Finding>) {
    let managed = fleet.routes.iter().filter(|route| route.credential == CredentialMode::Managed);
    let groups: BTreeSet<&GroupId> = managed.map(|route| &route.group).collect();
    for key in fleet.keys.iter().filter(|key| key.subscription_user.is_none()) {
        let called = key.groups.iter().filter(|group| groups.contains(group));
        findings.extend(called.map(|group| {
            Finding::warning(
                "key_without_subscription_user",
                format!("key \"{}\"", key.id),
                format!("group \"{group}\" has managed routes, and the key has no subscription_user"),
                "give the key the host user whose subscription pays, or take the group from it",
            )
        }));
    }
}

fn lint_key(key: &ConsumerKey, now: Timestamp, findings: &mut Vec<Finding>) {
    let Some(expires_at) = key.expires_at else { return };
    let subject = format!("key \"{}\"", key.id);
    let left = expires_at.duration_since(now);
    if left <= SignedDuration::ZERO {
        let message = format!("it expired at {expires_at}");
        findings.push(Finding::warning("key_expired", subject, message, "give it another expires_at, or remove it"));
    } else if left.unsigned_abs() < EXPIRES_SOON {
        let message = format!("it expires soon, at {expires_at}");
        let remedy = "tell its owner, or give it another expires_at";
        findings.push(Finding::warning("key_expires_soon", subject, message, remedy));
    }
}

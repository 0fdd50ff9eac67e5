//! `[[route]]`.

use relay_domain::{CredentialMode, ModelPattern, Route, RouteCost, RouteId};
use serde_json::Value;

use super::entry::Entry;
use super::{Declared, Wrong, limits};

/// Largest priority and weight: beyond it a number is a mistake, not a choice.
pub(super) const MAX_RANK: u64 = 1_000_000;

/// Priority of a route that names none.
pub(super) const DEFAULT_PRIORITY: u32 = 1;

/// Weight of a route that names none.
pub(super) const DEFAULT_WEIGHT: u32 = 100;

/// Reads one route; `None` when a fault was noted that leaves nothing to build.
pub(super) fn read(mut entry: Entry<'_>, declared: &Declared<'_>) -> Option<Route> {
    let id = super::id(&mut entry, "route_id", RouteId::new);
    let name = entry.text("name").filter(|name| !name.is_empty());
    let group = entry.required_text("logical_group_id");
    if let Some(group) = group.filter(|group| declared.groups.get(group).is_none()) {
        let nearest = entry.nearest(group, declared.groups.sorted());
        entry.fault("logical_group_id", Wrong::NoSuch("group", group.to_owned(), nearest));
    }
    let public_model = public_model(&mut entry);
    let host = entry.required_text("shadow_host_id");
    let credential = credential(&mut entry);
    if let Some(host) = host {
        check_host(&mut entry, declared, host, credential);
    }
    let shadow_group = shadow_group(&mut entry);
    if credential == CredentialMode::Managed && shadow_group.is_empty() {
        entry.fault("shadow_group_id", Wrong::NoShadowGroup);
    }
    let shadow_model = entry.text("shadow_model").unwrap_or_default().to_owned();
    let priority = entry.number("priority", MAX_RANK).map_or(DEFAULT_PRIORITY, |priority| priority as u32);
    let weight = entry.number("weight", MAX_RANK).map_or(DEFAULT_WEIGHT, |weight| weight as u32);
    let enabled = entry.flag("enabled", true);
    let cost = cost(&mut entry);
    entry.refuse_unknown();
    let id = id?;
    Some(Route {
        name: name.unwrap_or_else(|| id.as_str()).to_owned(),
        id,
        group: declared.groups.get(group?)?.clone()?,
        public_model: public_model?,
        host: declared.hosts.get(host?)?.id.clone()?,
        shadow_group,
        shadow_model,
        priority,
        weight,
        credential,
        enabled,
        cost,
    })
}

fn cost(entry: &mut Entry<'_>) -> RouteCost {
    let Some(mut table) = entry.table("cost", "{ multiplier = \"0.85\", recharge_ratio = \"0.14\" }") else {
        return RouteCost::default();
    };
    let cost = RouteCost {
        multiplier: limits::decimal(&mut table, "multiplier").unwrap_or_default(),
        recharge_ratio: limits::decimal(&mut table, "recharge_ratio").unwrap_or_default(),
    };
    table.refuse_unknown();
    cost
}

fn public_model(entry: &mut Entry<'_>) -> Option<ModelPattern> {
    let text = entry.required_text("public_model")?;
    ModelPattern::parse(text).map_err(|error| entry.fault("public_model", Wrong::Model(text.to_owned(), error))).ok()
}

fn credential(entry: &mut Entry<'_>) -> CredentialMode {
    let modes = [CredentialMode::HostKey, CredentialMode::Managed, CredentialMode::Caller];
    entry.choice("credential", CredentialMode::default(), &modes.map(|mode| (mode.as_str(), mode)))
}

fn check_host(entry: &mut Entry<'_>, declared: &Declared<'_>, host: &str, credential: CredentialMode) {
    let Some(facts) = declared.hosts.get(host) else {
        let nearest = entry.nearest(host, declared.hosts.sorted());
        return entry.fault("shadow_host_id", Wrong::NoSuch("host", host.to_owned(), nearest));
    };
    if credential == CredentialMode::HostKey && !facts.has_gateway_key {
        entry.fault("credential", Wrong::NoGatewayKey(host.to_owned()));
    }
    if credential == CredentialMode::Managed && !facts.has_admin_access {
        entry.fault("credential", Wrong::NoAdminAccess(host.to_owned()));
    }
}

/// A numeric id may be written as a number.
fn shadow_group(entry: &mut Entry<'_>) -> String {
    match entry.value("shadow_group_id") {
        Some(Value::Number(number)) if number.is_u64() => number.to_string(),
        _ => entry.text("shadow_group_id").unwrap_or_default().to_owned(),
    }
}

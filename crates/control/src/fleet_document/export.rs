//! Writes a fleet back as a fleet file: secrets as references, defaults left out.

use std::fmt::Write as _;
use std::time::Duration;

use relay_domain::key::ip_range_text;
use relay_domain::{
    AdminAccess, Amount, Budget, ConsumerKey, CredentialMode, Failback, Fleet, Group, Host, KeyOrigin, Limits, Ratio,
    Route, RouteCost, SecretSource, Sticky, StoredSecret,
};

use super::group::RETRY_ON_TIMEOUT;
use super::route::{DEFAULT_PRIORITY, DEFAULT_WEIGHT};
use crate::view;

/// The fleet as TOML. Applied to a server that runs this fleet it changes
/// nothing: a host's secret that was given by value is written as
/// `{ keep = true }`, and a key's is left out, which both mean "as stored".
pub fn export(fleet: &Fleet) -> String {
    let mut text = format!("# Fleet of Relay Manager, generation {}.\n", fleet.generation);
    fleet.hosts.iter().for_each(|host| write_host(&mut text, host));
    fleet.groups.iter().for_each(|group| write_group(&mut text, group));
    fleet.routes.iter().for_each(|route| write_route(&mut text, route));
    fleet.keys.iter().for_each(|key| write_key(&mut text, key));
    text
}

/// Appends one line; writing to a `String` cannot fail.
fn line(text: &mut String, field: &str, value: impl std::fmt::Display) {
    let _ = writeln!(text, "{field} = {value}");
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn span(span: Duration) -> String {
    quoted(&humantime::format_duration(span).to_string())
}

fn reference(source: &SecretSource) -> Option<String> {
    match source {
        SecretSource::Env(name) => Some(format!("{{ env = {} }}", quoted(name))),
        SecretSource::File(path) => Some(format!("{{ file = {} }}", quoted(path))),
        SecretSource::Value => None,
    }
}

const KEPT: &str = "{ keep = true }";

fn host_secret(secret: &StoredSecret) -> String {
    reference(&secret.source).unwrap_or_else(|| KEPT.to_owned())
}

fn secret_line(text: &mut String, field: &str, secret: &StoredSecret) {
    let value = host_secret(secret);
    let note = if value == KEPT { "  # given by value: left out here, kept as stored" } else { "" };
    line(text, field, format_args!("{value}{note}"));
}

fn write_host(text: &mut String, host: &Host) {
    text.push_str("\n[[host]]\n");
    line(text, "host_id", quoted(host.id.as_str()));
    line(text, "kind", quoted(host.kind.as_str()));
    line(text, "base_url", quoted(&host.base_url.to_string()));
    if host.allow_private {
        line(text, "allow_private", true);
    }
    if !host.enabled {
        line(text, "enabled", false);
    }
    match &host.admin {
        Some(AdminAccess::Key(secret)) => secret_line(text, "admin_key", secret),
        Some(AdminAccess::Login { email, password }) => {
            let login = format!("{{ email = {}, password = {} }}", quoted(email), host_secret(password));
            line(text, "login", login);
        }
        None => {}
    }
    if let Some(key) = &host.gateway_key {
        secret_line(text, "gateway_key", key);
    }
    if !host.ask_usage {
        line(text, "ask_usage", false);
    }
}

fn write_group(text: &mut String, group: &Group) {
    text.push_str("\n[[group]]\n");
    line(text, "logical_group_id", quoted(group.id.as_str()));
    if !group.enabled {
        line(text, "enabled", false);
    }
    let Sticky { scope, ttl } = group.sticky;
    line(text, "sticky", format_args!("{{ scope = {}, ttl = {} }}", quoted(scope.as_str()), span(ttl)));
    if group.failback != Failback::default() {
        line(text, "failback", quoted(group.failback.as_str()));
    }
    if group.retry_on_timeout != RETRY_ON_TIMEOUT {
        line(text, "retry_on_timeout", group.retry_on_timeout);
    }
    if let Some(limit) = group.on_disconnect.drain_limit() {
        line(text, "on_disconnect", quoted(group.on_disconnect.as_str()));
        line(text, "drain_limit", span(limit));
    }
    write_limits(text, &group.limits);
    if group.price_ratio != Ratio::ONE {
        line(text, "price_ratio", quoted(&group.price_ratio.to_string()));
    }
}

fn write_route(text: &mut String, route: &Route) {
    text.push_str("\n[[route]]\n");
    line(text, "route_id", quoted(route.id.as_str()));
    if route.name != route.id.as_str() {
        line(text, "name", quoted(&route.name));
    }
    line(text, "logical_group_id", quoted(route.group.as_str()));
    line(text, "public_model", quoted(&route.public_model.to_string()));
    line(text, "shadow_host_id", quoted(route.host.as_str()));
    if !route.shadow_group.is_empty() {
        line(text, "shadow_group_id", quoted(&route.shadow_group));
    }
    if !route.shadow_model.is_empty() {
        line(text, "shadow_model", quoted(&route.shadow_model));
    }
    if route.priority != DEFAULT_PRIORITY {
        line(text, "priority", route.priority);
    }
    if route.weight != DEFAULT_WEIGHT {
        line(text, "weight", route.weight);
    }
    if route.credential != CredentialMode::default() {
        line(text, "credential", quoted(route.credential.as_str()));
    }
    if !route.enabled {
        line(text, "enabled", false);
    }
    if route.cost != RouteCost::default() {
        let RouteCost { multiplier, recharge_ratio } = route.cost;
        line(text, "cost", format_args!("{{ multiplier = \"{multiplier}\", recharge_ratio = \"{recharge_ratio}\" }}"));
    }
}

fn write_key(text: &mut String, key: &ConsumerKey) {
    text.push_str("\n[[key]]\n");
    line(text, "key_id", quoted(key.id.as_str()));
    match reference(&key.source) {
        Some(reference) => line(text, "secret", reference),
        None => text.push_str("# secret: given by value or generated; left out here, kept as stored\n"),
    }
    if let Some(label) = &key.label {
        line(text, "label", quoted(label));
    }
    if key.origin != KeyOrigin::default() {
        line(text, "origin", quoted(key.origin.as_str()));
    }
    texts(text, "logical_groups", key.groups.iter().map(ToString::to_string));
    if !key.models.is_empty() {
        texts(text, "models", key.models.iter().map(ToString::to_string));
    }
    if !key.allowed_ips.is_empty() {
        texts(text, "allowed_ips", key.allowed_ips.iter().map(ip_range_text));
    }
    if !key.enabled {
        line(text, "enabled", false);
    }
    if let Some(expires_at) = key.expires_at {
        line(text, "expires_at", quoted(&expires_at.to_string()));
    }
    if let Some(subject_id) = &key.subject_id {
        line(text, "subject_id", quoted(subject_id));
    }
    if let Some(user) = &key.subscription_user {
        line(text, "subscription_user", quoted(user));
    }
    if key.expose_routing {
        line(text, "expose_routing", true);
    }
    write_limits(text, &key.limits);
}

fn texts(text: &mut String, field: &str, values: impl Iterator<Item = String>) {
    let values: Vec<String> = values.map(|value| quoted(&value)).collect();
    line(text, field, format_args!("[{}]", values.join(", ")));
}

fn write_limits(text: &mut String, limits: &Limits) {
    let rates: Vec<String> =
        view::rates(limits).filter_map(|(name, limit)| limit.map(|limit| format!("{name} = {limit}"))).collect();
    if !rates.is_empty() {
        line(text, "limits", format_args!("{{ {} }}", rates.join(", ")));
    }
    let budget = |budget: &Budget| {
        let amount = match budget.amount {
            Amount::Tokens(tokens) => format!("tokens = {tokens}"),
            Amount::Money(money) => format!("money = \"{money}\""),
        };
        format!("{{ {amount}, period = \"{}\" }}", budget.period.as_str())
    };
    let budgets: Vec<String> = limits.budgets.iter().map(budget).collect();
    if !budgets.is_empty() {
        line(text, "budgets", format_args!("[{}]", budgets.join(", ")));
    }
}

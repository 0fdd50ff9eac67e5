//! Fleet entries as the admin API shows them and as `diff` compares them:
//! the fleet file's field names, every default written out, no secret.

pub mod schema;

use relay_domain::key::ip_range_text;
use relay_domain::{
    AdminAccess, Amount, Budget, ConsumerKey, Group, GroupId, Host, Limits, Route, SecretSource, StoredSecret,
};
use serde_json::{Map, Value, json};

/// A table of named values, in the order of the documentation.
pub type Fields = Map<String, Value>;

/// Where a secret comes from, in place of the secret.
fn origin(source: &SecretSource) -> Value {
    match source {
        SecretSource::Env(name) => json!({ "env": name }),
        SecretSource::File(path) => json!({ "file": path }),
        SecretSource::Value => json!("stored"),
    }
}

fn stored(secret: Option<&StoredSecret>) -> Value {
    secret.map_or(Value::Null, |secret| origin(&secret.source))
}

/// The members of an object.
pub(crate) fn fields(value: Value) -> Fields {
    match value {
        Value::Object(fields) => fields,
        _ => Fields::new(),
    }
}

/// A host.
pub fn host(host: &Host) -> Fields {
    let (admin_key, login) = match &host.admin {
        Some(AdminAccess::Key(key)) => (origin(&key.source), Value::Null),
        Some(AdminAccess::Login { email, password }) => {
            (Value::Null, json!({ "email": email, "password": origin(&password.source) }))
        }
        None => (Value::Null, Value::Null),
    };
    fields(json!({
        "host_id": host.id.as_str(),
        "kind": host.kind.as_str(),
        "base_url": host.base_url.to_string(),
        "allow_private": host.allow_private,
        "enabled": host.enabled,
        "admin_key": admin_key,
        "login": login,
        "gateway_key": stored(host.gateway_key.as_ref()),
        "ask_usage": host.ask_usage,
    }))
}

/// A group.
pub fn group(group: &Group) -> Fields {
    fields(json!({
        "logical_group_id": group.id.as_str(),
        "enabled": group.enabled,
        "sticky": {
            "scope": group.sticky.scope.as_str(),
            "ttl": humantime::format_duration(group.sticky.ttl).to_string(),
        },
        "failback": group.failback.as_str(),
        "retry_on_timeout": group.retry_on_timeout,
        "on_disconnect": group.on_disconnect.as_str(),
        "drain_limit": group.on_disconnect.drain_limit().map(|limit| humantime::format_duration(limit).to_string()),
        "limits": limits(&group.limits),
        "budgets": budgets(&group.limits),
        "price_ratio": group.price_ratio.to_string(),
    }))
}

/// A route.
pub fn route(route: &Route) -> Fields {
    fields(json!({
        "route_id": route.id.as_str(),
        "name": route.name,
        "logical_group_id": route.group.as_str(),
        "public_model": route.public_model.to_string(),
        "shadow_host_id": route.host.as_str(),
        "shadow_group_id": route.shadow_group,
        "shadow_model": route.shadow_model,
        "priority": route.priority,
        "weight": route.weight,
        "credential": route.credential.as_str(),
        "enabled": route.enabled,
        "cost": {
            "multiplier": route.cost.multiplier.to_string(),
            "recharge_ratio": route.cost.recharge_ratio.to_string(),
        },
    }))
}

/// The rates of a limit, by their names in the fleet file.
pub(crate) fn rates(limits: &Limits) -> impl Iterator<Item = (&'static str, Option<u64>)> {
    let Limits { rpm, tpm, tpd, concurrency, .. } = *limits;
    [("rpm", rpm), ("tpm", tpm), ("tpd", tpd), ("concurrency", concurrency.map(u64::from))].into_iter()
}

fn limits(limits: &Limits) -> Fields {
    rates(limits).filter_map(|(name, limit)| Some((name.to_owned(), limit?.into()))).collect()
}

fn budgets(limits: &Limits) -> Vec<Value> {
    let budget = |budget: &Budget| match budget.amount {
        Amount::Tokens(tokens) => json!({ "tokens": tokens, "period": budget.period.as_str() }),
        Amount::Money(money) => json!({ "money": money.to_string(), "period": budget.period.as_str() }),
    };
    limits.budgets.iter().map(budget).collect()
}

/// A consumer key.
pub fn key(key: &ConsumerKey) -> Fields {
    fields(json!({
        "key_id": key.id.as_str(),
        "label": key.label,
        "origin": key.origin.as_str(),
        "secret": origin(&key.source),
        "previous_secret_until": key.previous.map(|previous| previous.until.to_string()),
        "logical_groups": key.groups.iter().map(GroupId::as_str).collect::<Vec<_>>(),
        "models": key.models.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "allowed_ips": key.allowed_ips.iter().map(ip_range_text).collect::<Vec<_>>(),
        "enabled": key.enabled,
        "expires_at": key.expires_at.map(|time| time.to_string()),
        "subject_id": key.subject_id,
        "subscription_user": key.subscription_user,
        "expose_routing": key.expose_routing,
        "limits": limits(&key.limits),
        "budgets": budgets(&key.limits),
    }))
}

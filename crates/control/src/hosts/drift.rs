//! Where a host differs from what is meant to be on it: what is desired (routes and
//! grants), what was recorded when it was last looked at, and what is there now.
//!
//! A list for people, with what to do; what Relay Manager mends by itself says so.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use relay_domain::{CredentialMode, ModelPattern, Route, Timestamp};
use relay_hosts::admin::{Group, GroupStatus, HostKey, Subscription, SubscriptionStatus};
use relay_store::{AccessKey, Grant, GrantName, GrantState, HostObject, Want};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::mapping::fits;
use super::objects::{GONE, Seen};

/// One difference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Drift {
    /// What kind, of a fixed set: `group_missing`, `model_missing`, `key_missing`, …
    #[schema(value_type = String)]
    pub kind: Cow<'static, str>,
    /// Of what: a route, a grant, a group.
    pub subject: String,
    /// In words.
    pub message: String,
    /// What to do, or what is done by itself.
    pub remedy: String,
    /// What is meant to be.
    pub desired: Value,
    /// What was recorded before this look.
    pub recorded: Value,
    /// What is there.
    pub observed: Value,
}

/// What a look at a host brought, beside what is meant to be there.
pub(super) struct Compared<'a> {
    pub(super) now: Timestamp,
    pub(super) tag: &'a str,
    pub(super) recorded: &'a [HostObject],
    pub(super) seen: &'a Seen,
    pub(super) groups: &'a [Group],
    /// Of the managed groups.
    pub(super) subscriptions: &'a [Subscription],
    /// Of the managed groups.
    pub(super) keys: &'a [HostKey],
    /// Enabled routes to the host, with the ids of their groups as far as they can be told.
    pub(super) routes: &'a [(&'a Route, Option<i64>)],
    pub(super) grants: &'a [(Grant, Option<AccessKey>)],
    /// Subscriptions and keys of these groups were read to the end.
    pub(super) read_groups: &'a BTreeSet<i64>,
}

/// All differences, and the grants that are to be ensured anew because of them.
pub(super) fn compare(compared: &Compared<'_>) -> (Vec<Drift>, Vec<GrantName>) {
    let mut found = Found { drift: Vec::new(), broken: Vec::new() };
    compared.empty_answers(&mut found);
    compared.groups_of_routes(&mut found);
    compared.models_of_routes(&mut found);
    compared.grants(&mut found);
    compared.orphans(&mut found);
    (found.drift, found.broken)
}

struct Found {
    drift: Vec<Drift>,
    broken: Vec<GrantName>,
}

impl Found {
    fn add(&mut self, kind: &'static str, subject: &str, message: String, remedy: &str, three: [Value; 3]) {
        let [desired, recorded, observed] = three;
        let (subject, remedy) = (subject.to_owned(), remedy.to_owned());
        self.drift.push(Drift { kind: kind.into(), subject, message, remedy, desired, recorded, observed });
    }
}

impl Compared<'_> {
    fn record(&self, kind: &str, name: &str) -> Option<&HostObject> {
        self.recorded.iter().find(|object| object.kind == kind && object.name == name)
    }

    fn recorded_document(&self, kind: &str, name: &str) -> Value {
        self.record(kind, name).map_or(Value::Null, |object| object.document.clone())
    }

    fn empty_answers(&self, found: &mut Found) {
        for (kind, prefix) in self.seen.suspiciously_empty(self.recorded) {
            let message = format!("the host shows no {kind} ({prefix}*) at all, and did before");
            let remedy = "nothing is concluded from it: look at the host, and sync again";
            found.add(
                "empty_answer",
                &format!("{kind} {prefix}"),
                message,
                remedy,
                [Value::Null, json!("some"), json!("none")],
            );
        }
    }

    fn groups_of_routes(&self, found: &mut Found) {
        for (route, group_id) in self.routes {
            let subject = format!("route {}", route.id);
            let desired = json!(route.shadow_group);
            let Some(id) = group_id else {
                if route.shadow_group.is_empty() {
                    continue;
                }
                let message = format!("no group of the host is known to be \"{}\"", route.shadow_group);
                let remedy = "correct shadow_group_id, or make the group";
                found.add("group_unknown", &subject, message, remedy, [desired, Value::Null, Value::Null]);
                continue;
            };
            let recorded = self.recorded_document("group", &id.to_string());
            match self.groups.iter().find(|group| group.id.0 == *id) {
                Some(group) => self.group_of_route(found, route, group, &subject, [desired, recorded]),
                None if self.seen.is_complete("group", &id.to_string()) => {
                    let misses = self.record("group", &id.to_string()).map_or(GONE, |object| object.misses + 1);
                    let surely = if misses >= GONE { "" } else { " (seen to be missing once)" };
                    let message = format!("group {id} is not on the host any more{surely}");
                    let remedy = "point the route to another group, or disable it";
                    found.add("group_missing", &subject, message, remedy, [desired, recorded, Value::Null]);
                }
                None => {}
            }
        }
    }

    fn group_of_route(&self, found: &mut Found, route: &Route, group: &Group, subject: &str, known: [Value; 2]) {
        let [desired, recorded] = known;
        let mut add = |kind, message, remedy: &str, observed| {
            found.add(kind, subject, message, remedy, [desired.clone(), recorded.clone(), observed]);
        };
        let is_named = route.shadow_group.parse::<i64>().is_err();
        if is_named && group.name != route.shadow_group {
            let namesake = self.groups.iter().find(|other| other.name == route.shadow_group);
            let message = match namesake {
                Some(other) => format!(
                    "\"{}\" is on record as group {}, which is now called \"{}\"; group {} has the name",
                    route.shadow_group, group.id, group.name, other.id
                ),
                None => format!("group {} (\"{}\") was renamed to \"{}\"", group.id, route.shadow_group, group.name),
            };
            let remedy = "write the id of the group that is meant, or delete the managed resource to follow the name";
            add("group_renamed", message, remedy, json!(group.name));
        }
        if group.status == GroupStatus::Inactive {
            let message = format!("group {} (\"{}\") is switched off", group.id, group.name);
            add("group_inactive", message, "switch it on in the host's panel, or disable the route", json!("inactive"));
        }
        if route.credential == CredentialMode::Managed && !group.takes_subscriptions() {
            let message = format!("group {} (\"{}\") takes no subscriptions", group.id, group.name);
            let remedy = "name a subscription group, or use credential = \"host_key\"";
            add("group_takes_no_subscriptions", message, remedy, json!(group.subscription_type));
        }
    }

    fn models_of_routes(&self, found: &mut Found) {
        for (route, group_id) in self.routes {
            let (Some(id), Some(model)) = (group_id, asked_model(route)) else { continue };
            let (prefix, name) = (format!("{id}/"), format!("{id}/{model}"));
            if !self.seen.is_complete("model", &name) || self.seen.get("model", &name).is_some() {
                continue;
            }
            let names = || self.seen.of("model", &prefix).map(|(name, _)| &name[prefix.len()..]);
            if names().any(|pattern| fits(pattern, model)) {
                continue;
            }
            let folded = model.to_lowercase();
            let spelled = names().find(|name| name.eq_ignore_ascii_case(model) || fits(&name.to_lowercase(), &folded));
            let three = |observed| [json!(model), self.recorded_document("model", &name), observed];
            let subject = format!("route {}", route.id);
            if let Some(other) = spelled {
                let message = format!("group {id} lists \"{other}\", not \"{model}\"");
                found.add("model_spelling", &subject, message, "correct shadow_model", three(json!(other)));
            } else {
                let message = format!("\"{model}\" is not among the models that group {id} lists");
                let remedy = "see whether the group still serves it; `host sync --models` shows what it lists";
                found.add("model_missing", &subject, message, remedy, three(Value::Null));
            }
        }
    }

    fn grants(&self, found: &mut Found) {
        let by_id: BTreeMap<i64, &Subscription> = self.subscriptions.iter().map(|row| (row.id.0, row)).collect();
        let keys: BTreeMap<i64, &HostKey> = self.keys.iter().map(|row| (row.id.0, row)).collect();
        let ready = self.grants.iter().filter(|(grant, _)| {
            grant.want == Want::Granted
                && grant.state == GrantState::Ready
                && self.read_groups.contains(&grant.name.group_id)
        });
        for (grant, key) in ready {
            let before = found.drift.len();
            self.subscription_of(found, grant, &by_id);
            if let Some(key) = key {
                self.key_of(found, grant, key, &keys);
            }
            if found.drift[before..].iter().any(|drift| drift.kind != "subscription_end_changed") {
                found.broken.push(grant.name.clone());
            }
        }
    }

    fn subscription_of(&self, found: &mut Found, grant: &Grant, rows: &BTreeMap<i64, &Subscription>) {
        let subject = grant.name.to_string();
        let Some(id) = grant.subscription_id else { return };
        let three = |observed| [json!("active"), json!({ "id": id, "expires_at": grant.expires_at }), observed];
        let remedy = "it is looked at now: what is ours is assigned again or extended";
        let Some(row) = rows.get(&id).filter(|row| row.status != SubscriptionStatus::Revoked) else {
            let message = format!("subscription {id} is not on the host any more");
            return found.add("subscription_missing", &subject, message, remedy, three(Value::Null));
        };
        if !row.is_live_at(self.now) {
            let message = format!("subscription {id} does not live");
            let observed =
                json!({ "status": format!("{:?}", row.status).to_lowercase(), "expires_at": row.expires_at });
            return found.add("subscription_not_live", &subject, message, remedy, three(observed));
        }
        let micros = |at: Option<Timestamp>| at.map(Timestamp::as_microsecond);
        if micros(row.expires_at) != micros(grant.expires_at) {
            let message = format!("the end of subscription {id} was changed on the host");
            let remedy = "nothing: the new end counts when it is next looked at";
            found.add("subscription_end_changed", &subject, message, remedy, three(json!(row.expires_at)));
        }
    }

    fn key_of(&self, found: &mut Found, grant: &Grant, key: &AccessKey, rows: &BTreeMap<i64, &HostKey>) {
        let subject = grant.name.to_string();
        let Some(id) = key.remote_id else { return };
        let three = |observed| [json!("active"), json!({ "id": id, "fingerprint": &*key.fingerprint }), observed];
        let remedy = "another one is obtained now";
        match rows.get(&id) {
            // One bound elsewhere is in the list of another group, or of none.
            None => {
                let message = format!("key {id} is not on the host, or is bound to another group");
                found.add("key_missing", &subject, message, remedy, three(Value::Null));
            }
            Some(row) if !row.is_usable_at(self.now) => {
                let observed = json!(format!("{:?}", row.status).to_lowercase());
                found.add("key_unusable", &subject, format!("key {id} is not served"), remedy, three(observed));
            }
            Some(_) => {}
        }
    }

    /// What carries our tag and is on no record.
    fn orphans(&self, found: &mut Found) {
        let subscriptions: BTreeSet<i64> = self.grants.iter().filter_map(|(grant, _)| grant.subscription_id).collect();
        let is_tagged =
            |text: &str| text.split(|c: char| !(c.is_alphanumeric() || "-:".contains(c))).any(|word| word == self.tag);
        let tagged =
            self.subscriptions.iter().filter(|row| row.status != SubscriptionStatus::Revoked && is_tagged(&row.notes));
        for row in tagged.filter(|row| !subscriptions.contains(&row.id.0)) {
            let (id, user, group) = (row.id, row.user_id, row.group_id);
            let message =
                format!("subscription {id} of user {user} in group {group} carries our tag and is on no record");
            let remedy = "`access ensure` takes it over; else revoke it in the host's panel";
            let observed = json!({ "id": id, "user_id": user, "group_id": group });
            found.add(
                "orphan_subscription",
                &format!("subscription {id}"),
                message,
                remedy,
                [Value::Null, Value::Null, observed],
            );
        }
        for row in self.keys.iter().filter(|row| is_tagged(&row.name) && !self.is_known_key(row)) {
            let message = format!("key {} of user {} carries our tag and is on no record", row.id, row.user_id);
            let remedy = "`access ensure` takes it over; else delete it in the host's panel";
            let observed = json!({ "id": row.id, "user_id": row.user_id, "name": row.name });
            found.add("orphan_key", &format!("key {}", row.id), message, remedy, [Value::Null, Value::Null, observed]);
        }
    }

    /// Issues on their way out are on record by the user: only the one in use is at hand here.
    fn is_known_key(&self, row: &HostKey) -> bool {
        self.grants.iter().any(|(grant, key)| {
            grant.user_id == Some(row.user_id.0) && row.group_id.is_some_and(|group| group.0 == grant.name.group_id)
                || key.as_ref().is_some_and(|key| key.remote_id == Some(row.id.0))
        })
    }
}

/// The model that a route asks its host for; none for a prefix.
fn asked_model(route: &Route) -> Option<&str> {
    if !route.shadow_model.is_empty() {
        return Some(&route.shadow_model);
    }
    match &route.public_model {
        ModelPattern::Exact(name) => Some(name),
        ModelPattern::Prefix(_) => None,
    }
}

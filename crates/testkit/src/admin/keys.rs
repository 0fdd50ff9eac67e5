//! Gateway keys on a host (sub2api-host-api.md §2.4): made by their users, read by administrators, bound to another group by
//! administrators of `[N]`.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::ask::{Ask, Outcome, number, text};
use super::envelope::{handler_error, internal_error, invalid_field, page, refuse};
use super::panel::FakePanel;
use super::rows::{FakeKey, time};
use super::{groups, idempotency, users};
use crate::reply::Reply;

/// Taken custom keys that a user may meet in an hour.
const MAX_COLLISIONS: usize = 20;

/// Widths of the columns; what is longer is an internal error.
const MAX_NAME_CHARS: usize = 100;
const MAX_KEY_BYTES: usize = 128;

fn json(panel: &FakePanel, key: &FakeKey, with_group: bool, with_user: bool) -> Value {
    let mut json = json!({
        "id": key.id, "user_id": key.user_id, "key": key.key, "name": key.name, "group_id": key.group_id,
        "status": key.status, "created_at": time(key.created_at), "updated_at": time(key.updated_at),
    });
    if panel.is_n() {
        json["ip_whitelist"] = Value::Null;
        json["quota"] = key.quota.into();
        json["quota_used"] = key.quota_used.into();
        json["expires_at"] = key.expires_at.map_or(Value::Null, time);
        json["last_used_at"] = Value::Null;
        json["current_concurrency"] = 0.into();
    }
    if let Some(group) = key.group_id.and_then(|id| panel.group_by_id(id)).filter(|_| with_group) {
        json["group"] = groups::json(panel, group);
    }
    if let Some(user) = panel.user_by_id(key.user_id).filter(|_| with_user) {
        json["user"] = users::own_json(panel, user);
    }
    json
}

fn listed(panel: &FakePanel, ask: &Ask<'_>, by_group: bool, which: impl Fn(&FakeKey) -> bool) -> Value {
    let shown = panel.keys.iter().rev().filter(|key| !key.deleted && which(key));
    let items: Vec<Value> = shown.map(|key| json(panel, key, !by_group, by_group)).collect();
    page(panel, ask, &items)
}

pub(super) fn of_user(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    let user = ask.id(2, "user")?;
    Ok(listed(panel, ask, false, |key| key.user_id == user))
}

pub(super) fn of_group(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    let group = ask.id(2, "group")?;
    Ok(listed(panel, ask, true, |key| key.group_id == Some(group)))
}

pub(super) fn mine(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    Ok(listed(panel, ask, false, |key| key.user_id == ask.caller))
}

pub(super) fn one(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    let key = own(panel, ask)?;
    Ok(json(panel, &key, true, true))
}

/// The caller's key of that id. Somebody else's is refused by `[S]` and not found by `[N]`.
fn own(panel: &FakePanel, ask: &Ask<'_>) -> Result<FakeKey, Box<Reply>> {
    let id = ask.id(1, "key")?;
    let key = panel.keys.iter().find(|key| key.id == id && !key.deleted).ok_or_else(missing)?;
    if key.user_id == ask.caller {
        return Ok(key.clone());
    }
    Err(if panel.is_n() {
        handler_error(404, "API key not found", None)
    } else {
        handler_error(403, "Not authorized to access this key", None)
    })
}

fn missing() -> Box<Reply> {
    refuse(404, "API_KEY_NOT_FOUND", "api key not found")
}

pub(super) fn create(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    let user = ask.caller;
    create_for(panel, ask, user)
}

/// Forks only.
pub(super) fn create_as_admin(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    let user = ask.id(2, "user")?;
    panel.user_by_id(user).ok_or_else(users::missing)?;
    create_for(panel, ask, user)
}

fn create_for(panel: &mut FakePanel, ask: &Ask<'_>, user: i64) -> Outcome {
    let body = ask.body()?;
    let name = text(&body, "name").ok_or_else(|| invalid_field("CreateAPIKeyRequest", "Name", "required"))?;
    idempotency::once(panel, ask, "user.api_keys.create", &body, |panel| {
        let group = number(&body, "group_id");
        if let Some(group) = group {
            may_bind(panel, user, group)?;
        }
        let has = panel.keys.iter().filter(|key| key.user_id == user && !key.deleted).count();
        if panel.keys_per_user.is_some_and(|most| has >= most) {
            return Err(refuse(400, "API_KEY_LIMIT_REACHED", "maximum number of api keys reached"));
        }
        let text = match text(&body, "custom_key") {
            Some(custom) => custom_key(panel, user, custom)?,
            None => format!("sk-{}{}", uuid::Uuid::now_v7().simple(), uuid::Uuid::now_v7().simple()),
        };
        if name.chars().count() > MAX_NAME_CHARS || text.len() > MAX_KEY_BYTES {
            return Err(internal_error());
        }
        let name = if panel.is_n() { escape_html(name) } else { name.to_owned() };
        let id = panel.add_key(FakeKey { name, ..FakeKey::new(user, &text, group) });
        let made = panel.keys.iter().find(|key| key.id == id).cloned().ok_or_else(missing)?;
        Ok(json(panel, &made, false, false))
    })
}

fn may_bind(panel: &FakePanel, user: i64, group: i64) -> Result<(), Box<Reply>> {
    let group = panel.group_by_id(group).ok_or_else(groups::missing)?;
    if groups::may_use(panel, user, group) {
        return Ok(());
    }
    Err(refuse(403, "GROUP_NOT_ALLOWED", "user is not allowed to bind this group"))
}

/// Checks a chosen key: its form, and that nobody has it. On `[S]` deleted keys have theirs for ever.
fn custom_key(panel: &mut FakePanel, user: i64, key: &str) -> Result<String, Box<Reply>> {
    let now = panel.now();
    let collisions = panel.collisions.entry(user).or_default();
    collisions.retain(|at| now.duration_since(*at) < SignedDuration::from_hours(1));
    if collisions.len() >= MAX_COLLISIONS {
        return Err(refuse(429, "API_KEY_RATE_LIMITED", "too many failed attempts, please try again later"));
    }
    if key.len() < 16 {
        return Err(refuse(400, "API_KEY_TOO_SHORT", "api key must be at least 16 characters"));
    }
    if !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-') {
        let message = "api key can only contain letters, numbers, underscores, and hyphens";
        return Err(refuse(400, "API_KEY_INVALID_CHARS", message));
    }
    let is_n = panel.is_n();
    if panel.keys.iter().any(|other| other.key == key && !(is_n && other.deleted)) {
        panel.collisions.entry(user).or_default().push(now);
        return Err(refuse(409, "API_KEY_EXISTS", "api key already exists"));
    }
    Ok(key.to_owned())
}

pub(super) fn update(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    let body = ask.body()?;
    if text(&body, "status").is_some_and(|status| status != "active" && status != "inactive") {
        return Err(invalid_field("UpdateAPIKeyRequest", "Status", "oneof"));
    }
    let id = own(panel, ask)?.id;
    let group = number(&body, "group_id");
    if let Some(group) = group {
        may_bind(panel, ask.caller, group)?;
    }
    let (is_n, now) = (panel.is_n(), panel.now());
    let key = panel.keys.iter_mut().find(|key| key.id == id).ok_or_else(missing)?;
    if let Some(name) = text(&body, "name") {
        key.name = if is_n { escape_html(name) } else { name.to_owned() };
    }
    if let Some(status) = text(&body, "status") {
        status.clone_into(&mut key.status);
    }
    key.group_id = group.or(key.group_id);
    key.updated_at = now;
    let key = key.clone();
    Ok(json(panel, &key, true, true))
}

pub(super) fn delete(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    let id = own(panel, ask)?.id;
    panel.keys.iter_mut().filter(|key| key.id == id).for_each(|key| key.deleted = true);
    Ok(json!({"message": "API key deleted successfully"}))
}

/// `[N]` `PUT /admin/api-keys/:id`.
pub(super) fn rebind(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    let id = ask.id(2, "API key")?;
    let body = ask.body()?;
    let key = panel.keys.iter().find(|key| key.id == id && !key.deleted).ok_or_else(missing)?;
    let user = key.user_id;
    let mut granted = None;
    let target = match number(&body, "group_id") {
        None => key.group_id,
        Some(0) => None,
        Some(..0) => return Err(refuse(400, "INVALID_GROUP_ID", "group_id must be non-negative")),
        Some(group) => {
            let group = panel.group_by_id(group).ok_or_else(groups::missing)?;
            if !group.active {
                return Err(refuse(400, "GROUP_NOT_ACTIVE", "target group is not active"));
            }
            if group.subscription && panel.live_subscription(user, group.id).is_none() {
                let message = "user does not have an active subscription for this group";
                return Err(refuse(400, "SUBSCRIPTION_REQUIRED", message));
            }
            granted = (group.exclusive && !group.subscription).then_some(group.id);
            Some(group.id)
        }
    };
    if let Some(group) = granted {
        panel.users.iter_mut().filter(|row| row.id == user).for_each(|row| row.allowed_groups.push(group));
    }
    let now = panel.now();
    let key = panel.keys.iter_mut().find(|key| key.id == id).ok_or_else(missing)?;
    key.group_id = target;
    key.updated_at = now;
    let key = key.clone();
    let mut data = json!({"api_key": json(panel, &key, true, true), "auto_granted_group_access": granted.is_some()});
    if let Some(group) = granted.and_then(|id| panel.group_by_id(id)) {
        data["granted_group_id"] = group.id.into();
        data["granted_group_name"] = group.name.clone().into();
    }
    Ok(data)
}

/// As Go's `html.EscapeString`.
fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&#34;").replace('\'', "&#39;")
}

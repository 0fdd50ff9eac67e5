//! Groups of a host (sub2api-host-api.md §2.1), and what deleting one does to keys and subscriptions.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::ask::{Ask, Outcome, text};
use super::envelope::{handler_error, internal_error, invalid_field, page, refuse};
use super::panel::FakePanel;
use super::rows::time;
use crate::reply::Reply;

const PLATFORMS: &[&str] = &["anthropic", "openai", "gemini"];
const PLATFORMS_OF_N: &[&str] = &["antigravity", "grok", "kimi", "zhipu", "deepseek", "composite"];

/// A group on a fake host.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "independent properties of a group, each yes or no")]
pub struct FakeGroup {
    /// The host's id.
    pub id: i64,
    /// Mutable, and no id.
    pub name: String,
    /// Searched together with the name.
    pub description: String,
    /// `openai`, `anthropic`, …
    pub platform: String,
    /// Active, or else inactive.
    pub active: bool,
    /// A subscription group, or else a standard one.
    pub subscription: bool,
    /// Only for users who were given access.
    pub exclusive: bool,
    /// What prices are multiplied with.
    pub rate_multiplier: f64,
    /// USD a day.
    pub daily_limit_usd: Option<f64>,
    /// Deleted groups keep their row; `[N]` keys keep pointing to it.
    pub deleted: bool,
    pub(crate) updated_at: Timestamp,
}

impl FakeGroup {
    /// An active OpenAI subscription group.
    pub fn new(id: i64, name: &str) -> Self {
        Self {
            id,
            name: name.to_owned(),
            description: String::new(),
            platform: "openai".to_owned(),
            active: true,
            subscription: true,
            exclusive: false,
            rate_multiplier: 1.0,
            daily_limit_usd: None,
            deleted: false,
            // The first hour of 2026 on the host's clock.
            updated_at: Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(1_767_225_600),
        }
    }

    /// With a description.
    #[must_use]
    pub fn described(mut self, description: &str) -> Self {
        description.clone_into(&mut self.description);
        self
    }

    /// On another platform.
    #[must_use]
    pub fn platform(mut self, platform: &str) -> Self {
        platform.clone_into(&mut self.platform);
        self
    }

    /// Switched off.
    #[must_use]
    pub fn inactive(mut self) -> Self {
        self.active = false;
        self
    }

    /// A standard group.
    #[must_use]
    pub fn standard(mut self) -> Self {
        self.subscription = false;
        self
    }

    /// Only for users who were given access.
    #[must_use]
    pub fn exclusive(mut self) -> Self {
        self.exclusive = true;
        self
    }

    fn status(&self) -> &'static str {
        if self.active { "active" } else { "inactive" }
    }
}

pub(super) fn json(panel: &FakePanel, group: &FakeGroup) -> Value {
    let mut json = json!({
        "id": group.id, "name": group.name, "description": group.description, "platform": group.platform,
        "rate_multiplier": group.rate_multiplier, "is_exclusive": group.exclusive, "status": group.status(),
        "subscription_type": if group.subscription { "subscription" } else { "standard" },
        "daily_limit_usd": group.daily_limit_usd, "weekly_limit_usd": null, "monthly_limit_usd": null,
        "created_at": "2026-01-01T08:00:00+08:00", "updated_at": time(group.updated_at),
    });
    if panel.is_n() {
        json["claude_code_only"] = false.into();
        json["fallback_group_id"] = Value::Null;
        json["rpm_limit"] = 0.into();
        json["sort_order"] = 0.into();
    }
    json
}

fn present(panel: &FakePanel) -> impl Iterator<Item = &FakeGroup> {
    panel.groups.iter().filter(|group| !group.deleted)
}

pub(super) fn list(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    // The older host has no search and ignores the parameter.
    let search = ask.param("search").filter(|_| panel.is_n());
    let (platform, status) = (ask.param("platform"), ask.param("status"));
    let exclusive = ask.param("is_exclusive").map(|value| value == "true");
    let shown = present(panel).filter(|group| {
        let found = |search: &str| contains_fold(&group.name, search) || contains_fold(&group.description, search);
        search.as_deref().is_none_or(found)
            && platform.as_deref().is_none_or(|platform| group.platform == platform)
            && status.as_deref().is_none_or(|status| group.status() == status)
            && exclusive.is_none_or(|exclusive| group.exclusive == exclusive)
    });
    let items: Vec<Value> = shown.map(|group| json(panel, group)).collect();
    Ok(page(panel, ask, &items))
}

pub(super) fn all(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    let with_inactive = panel.is_n() && ask.param("include_inactive").is_some_and(|value| value == "true");
    let platform = ask.param("platform").filter(|_| !with_inactive);
    let shown = present(panel).filter(|group| {
        (group.active || with_inactive) && platform.as_deref().is_none_or(|platform| group.platform == platform)
    });
    Ok(shown.map(|group| json(panel, group)).collect())
}

pub(super) fn one(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    let id = ask.id(2, "group")?;
    panel.group_by_id(id).map(|group| json(panel, group)).ok_or_else(missing)
}

pub(super) fn create(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    let body = ask.body()?;
    let form = "CreateGroupRequest";
    let name = text(&body, "name").ok_or_else(|| invalid_field(form, "Name", "required"))?;
    let platform = text(&body, "platform").unwrap_or("anthropic");
    let more = if panel.is_n() { PLATFORMS_OF_N } else { &[] };
    if !PLATFORMS.contains(&platform) && !more.contains(&platform) {
        return Err(invalid_field(form, "Platform", "oneof"));
    }
    let multiplier = body["rate_multiplier"].as_f64();
    if panel.is_n() && multiplier.is_none_or(|multiplier| multiplier <= 0.0) {
        return Err(internal_error());
    }
    let id = panel.id_of("groups", 0).max(panel.groups.iter().map(|group| group.id + 1).max().unwrap_or(1));
    if present(panel).any(|group| group.name == name) {
        return Err(refuse(409, "GROUP_EXISTS", "group name already exists"));
    }
    let group = FakeGroup {
        description: text(&body, "description").unwrap_or_default().to_owned(),
        platform: platform.to_owned(),
        subscription: text(&body, "subscription_type") == Some("subscription"),
        exclusive: body["is_exclusive"] == true,
        rate_multiplier: multiplier.unwrap_or(1.0),
        daily_limit_usd: body["daily_limit_usd"].as_f64(),
        updated_at: panel.now(),
        ..FakeGroup::new(id, name)
    };
    let told = json(panel, &group);
    panel.groups.push(group);
    Ok(told)
}

pub(super) fn update(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    let id = ask.id(2, "group")?;
    let body = ask.body()?;
    if text(&body, "status").is_some_and(|status| status != "active" && status != "inactive") {
        return Err(invalid_field("UpdateGroupRequest", "Status", "oneof"));
    }
    let now = panel.now();
    let group = panel.groups.iter_mut().find(|group| group.id == id && !group.deleted).ok_or_else(missing)?;
    if let Some(name) = text(&body, "name") {
        name.clone_into(&mut group.name);
    }
    if let Some(status) = text(&body, "status") {
        group.active = status == "active";
    }
    if let Some(exclusive) = body["is_exclusive"].as_bool() {
        group.exclusive = exclusive;
    }
    group.updated_at = now;
    let group = group.clone();
    Ok(json(panel, &group))
}

/// Subscriptions go with the group. Keys: `[S]` their group is forgotten, so that they run on the balance; `[N]` they keep it and are refused.
pub(super) fn delete(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    let id = ask.id(2, "group")?;
    let (is_n, now) = (panel.is_n(), panel.now());
    let group = panel.groups.iter_mut().find(|group| group.id == id && !group.deleted).ok_or_else(missing)?;
    group.deleted = true;
    panel.users.iter_mut().for_each(|user| user.allowed_groups.retain(|allowed| *allowed != id));
    if is_n {
        let live = panel.subscriptions.iter_mut().filter(|row| row.group_id == id && row.revoked_at.is_none());
        live.for_each(|row| row.revoked_at = Some(now));
    } else {
        panel.subscriptions.retain(|row| row.group_id != id);
        panel.keys.iter_mut().filter(|key| key.group_id == Some(id)).for_each(|key| key.group_id = None);
    }
    Ok(json!({"message": "Group deleted successfully"}))
}

/// What a user may bind keys to.
pub(super) fn available(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    let open = |group: &&FakeGroup| group.active && may_use(panel, ask.caller, group);
    Ok(present(panel).filter(open).map(|group| json(panel, group)).collect())
}

/// A subscription group takes a living subscription, an exclusive one to be let in.
pub(super) fn may_use(panel: &FakePanel, user: i64, group: &FakeGroup) -> bool {
    if group.subscription {
        return panel.live_subscription(user, group.id).is_some();
    }
    !group.exclusive || panel.user_by_id(user).is_some_and(|user| user.allowed_groups.contains(&group.id))
}

/// `[N]`
pub(super) fn usage_summary(panel: &mut FakePanel, _: &Ask<'_>) -> Outcome {
    let entry =
        |group: &FakeGroup| json!({"group_id": group.id, "today_cost": 0, "yesterday_cost": 0, "total_cost": 0});
    Ok(present(panel).map(entry).collect())
}

/// `[N]`: real numbers there, nothing in flight here.
pub(super) fn capacity_summary(panel: &mut FakePanel, _: &Ask<'_>) -> Outcome {
    let entry = |group: &FakeGroup| {
        json!({
            "group_id": group.id, "concurrency_used": 0, "concurrency_max": 10, "sessions_used": 0, "sessions_max": 0,
            "rpm_used": 0, "rpm_max": 0,
        })
    };
    Ok(present(panel).filter(|group| group.active).map(entry).collect())
}

pub(super) fn missing() -> Box<Reply> {
    handler_error(404, "group not found", Some("GROUP_NOT_FOUND"))
}

pub(super) fn contains_fold(text: &str, part: &str) -> bool {
    text.to_lowercase().contains(&part.to_lowercase())
}

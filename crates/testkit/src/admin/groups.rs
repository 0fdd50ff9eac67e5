//! Groups of a host (sub2api-host-api.md §2.1): list, all, one. Read only.

use serde_json::{Value, json};

use super::{handler_error, page, success};
use crate::gateway::Personality;
use crate::reply::Reply;
use crate::server::HostState;
use crate::wire_query::query_value;

/// A group on a fake host.
#[derive(Clone, Debug, PartialEq, Eq)]
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

    fn status(&self) -> &'static str {
        if self.active { "active" } else { "inactive" }
    }

    fn json(&self, personality: Personality) -> Value {
        let mut group = json!({
            "id": self.id, "name": self.name, "description": self.description, "platform": self.platform,
            "rate_multiplier": 1, "is_exclusive": false, "status": self.status(),
            "subscription_type": if self.subscription { "subscription" } else { "standard" },
            "daily_limit_usd": null, "weekly_limit_usd": null, "monthly_limit_usd": null,
            "created_at": "2026-01-01T08:00:00+08:00", "updated_at": "2026-01-01T08:00:00+08:00",
        });
        if personality == Personality::N {
            group["claude_code_only"] = false.into();
            group["fallback_group_id"] = Value::Null;
            group["rpm_limit"] = 0.into();
            group["sort_order"] = 0.into();
        }
        group
    }
}

/// What stands behind `groups/`, when it is one segment.
pub(super) fn id_segment(route: &str) -> Option<&str> {
    route.strip_prefix("groups/").filter(|rest| !rest.is_empty() && !rest.contains('/'))
}

pub(super) fn list(host: &HostState, query: &str) -> Reply {
    // The older host has no search and ignores the parameter.
    let search = query_value(query, "search").filter(|_| host.personality == Personality::N);
    let platform = query_value(query, "platform");
    let status = query_value(query, "status");
    let exclusive = query_value(query, "is_exclusive").is_some_and(|value| value == "true");
    let shown = host.panel.groups.iter().filter(|group| {
        search
            .as_deref()
            .is_none_or(|search| contains_fold(&group.name, search) || contains_fold(&group.description, search))
            && platform.as_deref().is_none_or(|platform| group.platform == platform)
            && status.as_deref().is_none_or(|status| group.status() == status)
            && !exclusive
    });
    let items: Vec<Value> = shown.map(|group| group.json(host.personality)).collect();
    page(host, query, &items)
}

pub(super) fn all(host: &HostState, query: &str) -> Reply {
    let of_n = host.personality == Personality::N;
    let with_inactive = of_n && query_value(query, "include_inactive").is_some_and(|value| value == "true");
    let platform = query_value(query, "platform").filter(|_| !with_inactive);
    let shown = host.panel.groups.iter().filter(|group| {
        (group.active || with_inactive) && platform.as_deref().is_none_or(|platform| group.platform == platform)
    });
    success(&shown.map(|group| group.json(host.personality)).collect())
}

pub(super) fn one(host: &HostState, id: &str) -> Reply {
    let Ok(id) = id.parse::<i64>() else {
        return handler_error(400, "Invalid group ID", None);
    };
    match host.panel.groups.iter().find(|group| group.id == id) {
        Some(group) => success(&group.json(host.personality)),
        None => handler_error(404, "group not found", Some("GROUP_NOT_FOUND")),
    }
}

fn contains_fold(text: &str, part: &str) -> bool {
    text.to_lowercase().contains(&part.to_lowercase())
}

//! Accounts, billed requests and live load (sub2api-host-api.md §2.5, §2.6): what administrators only read.

use serde_json::{Map, Value, json};

use super::ask::{Ask, Outcome};
use super::envelope::{handler_error, page};
use super::panel::FakePanel;
use super::rows::{FakeAccount, FakeUsageRow, time};
use crate::reply::Reply;

pub(super) fn accounts(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    let (platform, status) = (ask.param("platform"), ask.param("status"));
    let shown = panel.accounts.iter().filter(|account| {
        platform.as_deref().is_none_or(|platform| account.platform == platform)
            && status.as_deref().is_none_or(|status| account.status == status)
    });
    let items: Vec<Value> = shown.map(|account| account_json(panel, account)).collect();
    Ok(page(panel, ask, &items))
}

fn account_json(panel: &FakePanel, account: &FakeAccount) -> Value {
    let mut json = json!({
        "id": account.id, "name": account.name, "platform": account.platform, "type": "apikey",
        "credentials": {"api_key": account.api_key, "base_url": "https://upstream.example"}, "extra": {},
        "concurrency": 3, "priority": 50, "status": account.status, "error_message": account.error_message,
        "schedulable": account.schedulable, "rate_limited_at": null, "rate_limit_reset_at": null, "overload_until": null,
        "group_ids": account.group_ids,
    });
    if panel.is_n() {
        json["credentials"] = json!({"base_url": "https://upstream.example"});
        json["credentials_status"] = json!({"has_api_key": true});
        json["temp_unschedulable_until"] = Value::Null;
        json["current_concurrency"] = 0.into();
    }
    if !account.model_mapping.is_empty() {
        let mapping = account.model_mapping.iter().map(|(asked, model)| (asked.clone(), Value::from(model.as_str())));
        json["credentials"]["model_mapping"] = Value::Object(mapping.collect());
    }
    json
}

pub(super) fn usage(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    let id = |name: &str| -> Result<Option<i64>, Box<Reply>> {
        let Some(value) = ask.param(name) else { return Ok(None) };
        value.parse().map(Some).map_err(|_| handler_error(400, &format!("Invalid {name}"), None))
    };
    let (user, key, group) = (id("user_id")?, id("api_key_id")?, id("group_id")?);
    let model = ask.param("model");
    // The older host does not know the filter, and ignores it.
    let request_id = ask.param("request_id").filter(|_| panel.is_n());
    let shown = panel.usage.iter().rev().filter(|row| {
        user.is_none_or(|user| row.user_id == user)
            && key.is_none_or(|key| row.api_key_id == key)
            && group.is_none_or(|group| row.group_id == Some(group))
            && model.as_deref().is_none_or(|model| row.model == model)
            && request_id.as_deref().is_none_or(|id| row.request_id == id)
    });
    let items: Vec<Value> = shown.map(usage_json).collect();
    Ok(page(panel, ask, &items))
}

fn usage_json(row: &FakeUsageRow) -> Value {
    let cost = (row.input_tokens + row.output_tokens) as f64 / 1_000_000.0;
    json!({
        "id": row.id, "user_id": row.user_id, "api_key_id": row.api_key_id, "account_id": 1, "request_id": row.request_id,
        "model": row.model, "group_id": row.group_id, "subscription_id": row.subscription_id,
        "input_tokens": row.input_tokens, "output_tokens": row.output_tokens, "cache_creation_tokens": 0,
        "cache_read_tokens": 0, "total_cost": cost, "actual_cost": cost, "rate_multiplier": 1,
        "billing_type": u8::from(row.subscription_id.is_some()), "stream": row.stream, "duration_ms": 12,
        "first_token_ms": 3, "created_at": time(row.created_at),
    })
}

/// `[N]`
pub(super) fn concurrency(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    let load = json!({"current_in_use": 0, "max_capacity": 10, "load_percentage": 0, "waiting_in_queue": 0});
    live(panel, ask, |_| load.clone())
}

/// `[N]`
pub(super) fn availability(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    live(panel, ask, |accounts| {
        let usable = accounts.iter().filter(|account| account.status == "active" && account.schedulable);
        let broken = accounts.iter().filter(|account| account.status == "error");
        json!({
            "total_accounts": accounts.len(), "available_count": usable.count(), "rate_limit_count": 0,
            "error_count": broken.count(),
        })
    })
}

/// By group; those without accounts are left out.
fn live(panel: &FakePanel, ask: &Ask<'_>, entry: impl Fn(&[&FakeAccount]) -> Value) -> Outcome {
    let asked = ask.param("group_id").and_then(|id| id.parse::<i64>().ok());
    let groups = panel.groups.iter().filter(|group| panel.monitoring && !group.deleted);
    let groups = groups.filter(|group| asked.is_none_or(|id| group.id == id));
    let by_group: Map<String, Value> = groups
        .filter_map(|group| {
            let accounts = panel.accounts.iter().filter(|account| account.group_ids.contains(&group.id));
            let accounts: Vec<&FakeAccount> = accounts.collect();
            (!accounts.is_empty()).then(|| (group.id.to_string(), entry(&accounts)))
        })
        .collect();
    Ok(json!({
        "enabled": panel.monitoring, "platform": {}, "group": by_group, "account": {}, "timestamp": time(panel.now()),
    }))
}

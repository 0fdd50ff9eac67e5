//! Subscriptions of a host (sub2api-host-api.md §2.3, §3.2): what assigning, extending and revoking do on each personality.

use serde_json::{Value, json};

use super::ask::{Ask, Outcome, number, text};
use super::envelope::{internal_error, invalid_field, refuse, subscription_page};
use super::panel::FakePanel;
use super::rows::{FakeSubscription, add_days, time};
use super::{groups, idempotency, users};
use crate::reply::Reply;

/// A request without days.
const DEFAULT_DAYS: i64 = 30;

/// What `[N]` takes at most.
const MAX_DAYS: i64 = 36_500;

/// `full`: with everything that lists and single answers to administrators have.
pub(super) fn json(panel: &FakePanel, row: &FakeSubscription, full: bool) -> Value {
    let mut json = json!({
        "id": row.id, "user_id": row.user_id, "group_id": row.group_id, "starts_at": time(row.starts_at),
        "expires_at": time(row.expires_at), "status": row.status, "daily_window_start": null, "weekly_window_start": null,
        "monthly_window_start": null, "daily_usage_usd": f64::from(row.daily_usage_cents) / 100.0, "weekly_usage_usd": 0, "monthly_usage_usd": 0,
        "created_at": time(row.created_at), "updated_at": time(row.updated_at),
    });
    if let Some(revoked_at) = row.revoked_at {
        json["status"] = "revoked".into();
        json["revoked_at"] = time(revoked_at);
    }
    if full || !panel.is_n() {
        json["assigned_by"] = 1.into();
        json["assigned_at"] = time(row.created_at);
        json["notes"] = row.notes.clone().into();
    }
    if let Some(group) = panel.group_by_id(row.group_id) {
        json["group"] = groups::json(panel, group);
    }
    if let Some(user) = panel.user_by_id(row.user_id).filter(|_| full) {
        json["user"] = users::own_json(panel, user);
    }
    json
}

/// In lists `[N]` says what is true, not what is stored.
fn listed(panel: &FakePanel, row: &FakeSubscription) -> Value {
    let mut json = json(panel, row, true);
    if panel.is_n() && row.revoked_at.is_none() && row.status == "active" && row.expires_at <= panel.now() {
        json["status"] = "expired".into();
    }
    json
}

pub(super) fn list(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    let id = |name: &str| ask.param(name).and_then(|value| value.parse::<i64>().ok());
    let (user, group, status) = (id("user_id"), id("group_id"), ask.param("status"));
    let shown = panel.subscriptions.iter().rev().filter(|row| {
        user.is_none_or(|user| row.user_id == user)
            && group.is_none_or(|group| row.group_id == group)
            && has_status(panel, row, status.as_deref())
    });
    let items: Vec<Value> = shown.map(|row| listed(panel, row)).collect();
    Ok(subscription_page(panel, ask, &items))
}

fn has_status(panel: &FakePanel, row: &FakeSubscription, status: Option<&str>) -> bool {
    let is_past = row.expires_at <= panel.now();
    let Some(status) = status else { return true };
    if !panel.is_n() {
        return row.status == status;
    }
    match (status, row.revoked_at) {
        ("revoked", revoked_at) => revoked_at.is_some(),
        (_, Some(_)) => false,
        ("active", None) => row.status == "active" && !is_past,
        ("expired", None) => row.status == "expired" || (row.status == "active" && is_past),
        (other, None) => row.status == other,
    }
}

pub(super) fn of_user(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    let user = ask.id(2, "user")?;
    let mine = panel.subscriptions.iter().rev().filter(|row| row.user_id == user && row.revoked_at.is_none());
    Ok(mine.map(|row| listed(panel, row)).collect())
}

pub(super) fn of_group(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    let group = ask.id(2, "group")?;
    let its = panel.subscriptions.iter().rev().filter(|row| row.group_id == group && row.revoked_at.is_none());
    let items: Vec<Value> = its.map(|row| listed(panel, row)).collect();
    Ok(subscription_page(panel, ask, &items))
}

pub(super) fn one(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    let id = ask.id(2, "subscription")?;
    Ok(json(panel, find(panel, id)?, true))
}

fn find(panel: &FakePanel, id: i64) -> Result<&FakeSubscription, Box<Reply>> {
    panel.subscriptions.iter().find(|row| row.id == id && row.revoked_at.is_none()).ok_or_else(missing)
}

pub(super) fn missing() -> Box<Reply> {
    refuse(404, "SUBSCRIPTION_NOT_FOUND", "subscription not found")
}

pub(super) fn already_exists() -> Box<Reply> {
    let message = "subscription already exists for this user and group";
    refuse(409, "SUBSCRIPTION_ALREADY_EXISTS", message)
}

pub(super) fn assign(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    let body = ask.body()?;
    let form = "AssignSubscriptionRequest";
    let required = |name: &str, field: &str| {
        number(&body, name).filter(|id| *id != 0).ok_or_else(|| invalid_field(form, field, "required"))
    };
    let user = required("user_id", "UserID")?;
    let group = required("group_id", "GroupID")?;
    let days = number(&body, "validity_days").unwrap_or_default();
    if panel.is_n() && days > MAX_DAYS {
        return Err(invalid_field(form, "ValidityDays", "max"));
    }
    let days = if days > 0 { days } else { DEFAULT_DAYS };
    let notes = text(&body, "notes").unwrap_or_default();
    let found = panel.group_by_id(group).ok_or_else(groups::missing)?;
    if !found.subscription {
        let message = "group is not a subscription type";
        return Err(refuse(400, "GROUP_NOT_SUBSCRIPTION_TYPE", message));
    }
    let existing = panel
        .subscriptions
        .iter()
        .position(|row| row.user_id == user && row.group_id == group && row.revoked_at.is_none());
    match existing {
        Some(_) if !panel.is_n() => Err(already_exists()),
        Some(at) => reuse(panel, at, days, notes),
        // Deleted users have a row, so the foreign key holds.
        None if !panel.users.iter().any(|row| row.id == user) => Err(internal_error()),
        None => {
            let notes = notes.to_owned();
            let row = FakeSubscription { notes, ..FakeSubscription::new(user, group, panel.now(), days) };
            let id = panel.add_subscription(row);
            Ok(json(panel, find(panel, id)?, true))
        }
    }
}

/// `[N]`: an expired one is renewed, any other is returned when nothing differs.
fn reuse(panel: &mut FakePanel, at: usize, days: i64, notes: &str) -> Outcome {
    let now = panel.now();
    let row = &mut panel.subscriptions[at];
    let is_expired = row.status == "expired" || (row.status != "suspended" && row.expires_at <= now);
    if is_expired {
        row.starts_at = now;
        row.expires_at = add_days(now, days);
        "active".clone_into(&mut row.status);
        if row.notes.trim() != notes.trim() && !notes.is_empty() {
            row.notes = if row.notes.is_empty() { notes.to_owned() } else { format!("{}\n{notes}", row.notes) };
        }
        row.updated_at = now;
    } else if row.expires_at != add_days(row.starts_at, days) {
        return Err(conflict("validity_days_mismatch"));
    } else if row.notes.trim() != notes.trim() {
        return Err(conflict("notes_mismatch"));
    }
    let row = row.clone();
    Ok(json(panel, &row, true))
}

fn conflict(reason: &str) -> Box<Reply> {
    let body = json!({
        "code": 409, "message": "subscription exists but request conflicts with existing assignment semantics",
        "reason": "SUBSCRIPTION_ASSIGN_CONFLICT", "metadata": {"conflict_reason": reason},
    });
    Box::new(Reply::json(&body).status(409))
}

pub(super) fn extend(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    let id = ask.id(2, "subscription")?;
    let body = ask.body()?;
    let form = if panel.is_n() { "AdjustSubscriptionRequest" } else { "ExtendSubscriptionRequest" };
    let days = number(&body, "days").filter(|days| *days != 0);
    let days = days.ok_or_else(|| invalid_field(form, "Days", "required"))?;
    if days < if panel.is_n() { -MAX_DAYS } else { 1 } {
        return Err(invalid_field(form, "Days", "min"));
    }
    let payload = json!({"subscription_id": id, "days": days});
    idempotency::once(panel, ask, "admin.subscriptions.extend", &payload, |panel| {
        let (is_n, now) = (panel.is_n(), panel.now());
        let row = panel.subscriptions.iter_mut().find(|row| row.id == id && row.revoked_at.is_none());
        let row = row.ok_or_else(missing)?;
        let is_past = row.expires_at <= now;
        if is_n && is_past && days < 0 {
            return Err(refuse(400, "CANNOT_SHORTEN_EXPIRED", "cannot shorten an expired subscription"));
        }
        // [S] counts from the old end, however long past.
        let end = add_days(if is_n && is_past { now } else { row.expires_at }, days);
        if is_n && end <= now {
            let message = "adjustment would result in expired subscription (remaining days must be > 0)";
            return Err(refuse(400, "ADJUST_WOULD_EXPIRE", message));
        }
        row.expires_at = end;
        row.updated_at = now;
        if row.status == "expired" {
            "active".clone_into(&mut row.status);
        }
        let row = row.clone();
        Ok(json(panel, &row, true))
    })
}

/// `[S]` forgets the row, `[N]` keeps it.
pub(super) fn revoke(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    let id = ask.id(2, "subscription")?;
    find(panel, id)?;
    let (is_n, now) = (panel.is_n(), panel.now());
    if is_n {
        panel.subscriptions.iter_mut().filter(|row| row.id == id).for_each(|row| row.revoked_at = Some(now));
    } else {
        panel.subscriptions.retain(|row| row.id != id);
    }
    Ok(json!({"message": "Subscription revoked successfully"}))
}

pub(super) fn restore(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    let id = ask.id(2, "subscription")?;
    let row = panel.subscriptions.iter().find(|row| row.id == id).cloned().ok_or_else(missing)?;
    if row.revoked_at.is_none() {
        return Err(refuse(409, "SUBSCRIPTION_NOT_REVOKED", "subscription is not revoked"));
    }
    let same = |other: &FakeSubscription| other.user_id == row.user_id && other.group_id == row.group_id;
    if panel.subscriptions.iter().any(|other| same(other) && other.revoked_at.is_none()) {
        let message = "subscription already exists for this user and group";
        return Err(refuse(409, "SUBSCRIPTION_RESTORE_CONFLICT", message));
    }
    panel.subscriptions.iter_mut().filter(|row| row.id == id).for_each(|row| row.revoked_at = None);
    Ok(json(panel, find(panel, id)?, true))
}

//! Users of a host (sub2api-host-api.md §2.2): which search finds whom, who counts as the same, and what a new user gets.

use serde_json::{Value, json};

use super::ask::{Ask, Outcome, number, text};
use super::envelope::{internal_error, invalid_field, middleware_error, page, refuse};
use super::groups::contains_fold;
use super::panel::FakePanel;
use super::rows::{FakeSubscription, FakeUser, time};
use super::subscriptions;
use crate::reply::Reply;

/// As the user sees himself.
pub(super) fn own_json(panel: &FakePanel, user: &FakeUser) -> Value {
    // An empty list is written as null.
    let allowed = if user.allowed_groups.is_empty() { Value::Null } else { user.allowed_groups.clone().into() };
    let mut json = json!({
        "id": user.id, "email": user.email, "username": user.username, "role": if user.admin { "admin" } else { "user" },
        "balance": user.balance, "concurrency": user.concurrency, "status": if user.active { "active" } else { "disabled" },
        "allowed_groups": allowed, "created_at": time(user.created_at), "updated_at": time(user.updated_at),
    });
    if panel.is_n() {
        json["frozen_balance"] = 0.into();
        json["rpm_limit"] = 0.into();
    } else {
        json["wechat"] = "".into();
        json["notes"] = user.notes.clone().into();
    }
    json
}

/// As an administrator sees a user.
fn json(panel: &FakePanel, user: &FakeUser) -> Value {
    let mut json = own_json(panel, user);
    json["notes"] = user.notes.clone().into();
    if panel.is_n() {
        json["last_used_at"] = Value::Null;
    }
    json
}

pub(super) fn list(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    let search = ask.param("search").map(|search| search.chars().take(100).collect::<String>());
    let (status, role) = (ask.param("status"), ask.param("role"));
    let with_subscriptions =
        !(panel.is_n() && ask.param("include_subscriptions").is_some_and(|value| value == "false"));
    let shown = panel.users.iter().rev().filter(|user| {
        !user.deleted
            && search.as_deref().is_none_or(|search| matches(panel, user, search))
            && status.as_deref().is_none_or(|status| user.active == (status == "active"))
            && role.as_deref().is_none_or(|role| user.admin == (role == "admin"))
    });
    let item = |user: &FakeUser| {
        let mut item = json(panel, user);
        let mine = panel.subscriptions.iter().filter(|row| row.user_id == user.id && row.revoked_at.is_none());
        // By the stored status: these may be past their end.
        let mine: Vec<Value> =
            mine.filter(|row| row.status == "active").map(|row| subscriptions::json(panel, row, false)).collect();
        if with_subscriptions && !mine.is_empty() {
            item["subscriptions"] = mine.into();
        }
        if panel.is_n() {
            item["current_concurrency"] = 0.into();
        }
        item
    };
    let items: Vec<Value> = shown.map(item).collect();
    Ok(page(panel, ask, &items))
}

/// `[N]` also finds users by their keys; on `[S]` `%` and `_` are wildcards.
fn matches(panel: &FakePanel, user: &FakeUser, search: &str) -> bool {
    if panel.is_n() {
        let by_key =
            |search: &str| panel.keys.iter().any(|key| key.user_id == user.id && contains_fold(&key.key, search));
        return [&user.email, &user.username, &user.notes].iter().any(|text| contains_fold(text, search))
            || by_key(search);
    }
    [&user.email, &user.username].iter().any(|text| is_like(&text.to_lowercase(), &search.to_lowercase()))
}

/// `ILIKE '%search%'`.
fn is_like(text: &str, pattern: &str) -> bool {
    fn at_start(text: &[char], pattern: &[char]) -> bool {
        match (pattern, text) {
            ([], _) => true,
            (['%', rest @ ..], _) => (0..=text.len()).any(|skip| at_start(&text[skip..], rest)),
            (['_', rest @ ..], [_, tail @ ..]) => at_start(tail, rest),
            ([first, rest @ ..], [head, tail @ ..]) => first == head && at_start(tail, rest),
            (_, []) => false,
        }
    }
    let (text, pattern): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().collect());
    (0..=text.len()).any(|skip| at_start(&text[skip..], &pattern))
}

pub(super) fn one(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    let id = ask.id(2, "user")?;
    panel.user_by_id(id).map(|user| json(panel, user)).ok_or_else(missing)
}

pub(super) fn create(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    let body = ask.body()?;
    let form = "CreateUserRequest";
    let email = text(&body, "email").ok_or_else(|| invalid_field(form, "Email", "required"))?;
    if !is_email(email) {
        return Err(invalid_field(form, "Email", "email"));
    }
    let password = text(&body, "password").ok_or_else(|| invalid_field(form, "Password", "required"))?;
    if password.chars().count() < 6 {
        return Err(invalid_field(form, "Password", "min"));
    }
    let admin = panel.is_n() && text(&body, "role") == Some("admin");
    step_up(panel, ask, admin)?;
    let is_n = panel.is_n();
    // On [S] a deleted user keeps the address.
    let taken = panel.users.iter().any(|user| same_email(is_n, &user.email, email) && !(is_n && user.deleted));
    if taken {
        return Err(refuse(409, "EMAIL_EXISTS", "email already exists"));
    }
    let asked = number(&body, "concurrency").unwrap_or_default();
    let user = FakeUser {
        username: text(&body, "username").unwrap_or_default().to_owned(),
        notes: text(&body, "notes").unwrap_or_default().to_owned(),
        balance: body["balance"].as_f64().unwrap_or_default(),
        // [S] fills the column with 5 and does not say so; on [N] 0 is no limit.
        concurrency: if is_n || asked != 0 { asked } else { 5 },
        allowed_groups: ids(&body, "allowed_groups").unwrap_or_default(),
        admin,
        ..FakeUser::new(email).password(password)
    };
    let id = panel.add_user(user.clone());
    let defaults = if is_n { panel.default_subscriptions.clone() } else { Vec::new() };
    for (group, days) in defaults {
        let row = FakeSubscription::new(id, group, panel.now(), days);
        panel.add_subscription(row);
    }
    let stored = panel.user_by_id(id).cloned().unwrap_or(user);
    Ok(json(panel, &FakeUser { concurrency: asked, ..stored }))
}

pub(super) fn update(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    let id = ask.id(2, "user")?;
    let body = ask.body()?;
    let form = "UpdateUserRequest";
    if text(&body, "status").is_some_and(|status| status != "active" && status != "disabled") {
        return Err(invalid_field(form, "Status", "oneof"));
    }
    if text(&body, "password").is_some_and(|password| password.chars().count() < 6) {
        return Err(invalid_field(form, "Password", "min"));
    }
    let (is_n, now) = (panel.is_n(), panel.now());
    let is_admin = panel.user_by_id(id).ok_or_else(missing)?.admin;
    let admin = is_n && text(&body, "role") == Some("admin");
    step_up(panel, ask, admin && !is_admin)?;
    let user = panel.users.iter_mut().find(|user| user.id == id && !user.deleted).ok_or_else(missing)?;
    if user.admin && text(&body, "status") == Some("disabled") {
        return Err(internal_error());
    }
    if let Some(password) = text(&body, "password") {
        password.clone_into(&mut user.password);
        user.password_version += 1;
    }
    if let Some(email) = text(&body, "email") {
        email.clone_into(&mut user.email);
    }
    for (field, name) in [(&mut user.username, "username"), (&mut user.notes, "notes")] {
        if let Some(value) = body[name].as_str() {
            value.clone_into(field);
        }
    }
    if let Some(concurrency) = number(&body, "concurrency") {
        user.concurrency = concurrency;
    }
    if let Some(status) = text(&body, "status") {
        user.active = status == "active";
    }
    if let Some(allowed) = ids(&body, "allowed_groups") {
        user.allowed_groups = allowed;
    }
    user.admin |= admin;
    user.updated_at = now;
    let user = user.clone();
    Ok(json(panel, &user))
}

pub(super) fn delete(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    let id = ask.id(2, "user")?;
    let user = panel.users.iter_mut().find(|user| user.id == id && !user.deleted).ok_or_else(missing)?;
    if user.admin {
        return Err(internal_error());
    }
    user.deleted = true;
    Ok(json!({"message": "User deleted successfully"}))
}

/// `[N]` An administrator is made only by a two-factor session, when that is switched on.
fn step_up(panel: &FakePanel, ask: &Ask<'_>, making_an_admin: bool) -> Result<(), Box<Reply>> {
    if !making_an_admin || !panel.step_up {
        return Ok(());
    }
    if ask.by_admin_key {
        let message = "Admin API key cannot access this endpoint; a two-factor verified admin session is required";
        return Err(middleware_error(403, "STEP_UP_ADMIN_API_KEY_FORBIDDEN", message));
    }
    let message = "This operation requires recent two-factor verification";
    Err(middleware_error(403, "STEP_UP_REQUIRED", message))
}

/// `[S]` tells upper from lower case.
pub(super) fn same_email(is_n: bool, one: &str, other: &str) -> bool {
    if is_n { one.to_lowercase() == other.to_lowercase() } else { one == other }
}

/// As far as tests need the host's validator.
pub(super) fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, domain)| !name.is_empty() && domain.contains('.'))
}

fn ids(body: &Value, name: &str) -> Option<Vec<i64>> {
    Some(body.get(name)?.as_array()?.iter().filter_map(Value::as_i64).collect())
}

pub(super) fn missing() -> Box<Reply> {
    refuse(404, "USER_NOT_FOUND", "user not found")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_search_has_wildcards() {
        for (text, pattern, expected) in [
            ("ann@relay.example", "relay", true),
            ("ann@relay.example", "a_n@%.example", true),
            ("ann@relay.example", "bob", false),
            ("ann@relay.example", "%", true),
            ("", "_", false),
        ] {
            assert_eq!(is_like(text, pattern), expected, "{text} {pattern}");
        }
    }
}

//! Whether the gateway takes a key that the panel knows (sub2api-host-api.md §4.3, §6), and what such a key is told of itself (§3.4).

use serde_json::{Value, json};

use super::groups::FakeGroup;
use super::panel::FakePanel;
use super::rows::{FakeKey, FakeSubscription, FakeUsageRow, time};
use crate::errors::{self, HostError};
use crate::reply::Reply;

/// Whose key it is, and what pays for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyOwner {
    pub(crate) key: i64,
    pub(crate) user: i64,
    pub(crate) group: Option<i64>,
    pub(crate) subscription: Option<i64>,
}

/// What is checked of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checks {
    /// Everything: it is to be served.
    All,
    /// `[N]` skips money where a key only asks about itself.
    WithoutBilling,
}

impl FakePanel {
    /// Whether nobody has a key here, so that a host without keys of its own takes any.
    pub(crate) fn knows_no_keys(&self) -> bool {
        self.keys.is_empty() && self.users.iter().all(|user| user.admin)
    }

    pub(crate) fn admit(&self, key: &str, checks: Checks) -> Result<KeyOwner, HostError> {
        let key = self.keys.iter().find(|row| row.key == key && !row.deleted).ok_or(errors::INVALID_API_KEY)?;
        if !(key.status == "active" || (self.is_n() && ["expired", "quota_exhausted"].contains(&&*key.status))) {
            return Err(errors::API_KEY_DISABLED);
        }
        let user = self.user_by_id(key.user_id).ok_or(errors::USER_NOT_FOUND)?;
        if !user.active {
            return Err(errors::USER_INACTIVE);
        }
        let group = key.group_id.and_then(|id| self.group_by_id(id));
        if self.is_n() {
            match (key.group_id, group) {
                (Some(_), None) => return Err(errors::GROUP_DELETED),
                (_, Some(group)) if !group.active => return Err(errors::GROUP_DISABLED),
                (_, Some(group))
                    if !group.subscription && group.exclusive && !user.allowed_groups.contains(&group.id) =>
                {
                    return Err(errors::GROUP_NOT_ALLOWED);
                }
                _ => {}
            }
        }
        let subscription =
            group.filter(|group| group.subscription).and_then(|group| self.live_subscription(user.id, group.id));
        let owner = KeyOwner {
            key: key.id,
            user: user.id,
            group: group.map(|group| group.id),
            subscription: subscription.map(|row| row.id),
        };
        if self.is_n() && (self.simple_mode || checks == Checks::WithoutBilling) {
            return Ok(owner);
        }
        self.bill(key)?;
        match group {
            Some(group) if group.subscription && subscription.is_none() => Err(errors::SUBSCRIPTION_NOT_FOUND),
            // At the limit it is let in, and refused after queueing.
            Some(group) if subscription.is_some_and(|row| left_today(group, row).is_some_and(|left| left < 0.0)) => {
                Err(errors::DAILY_LIMIT_EXCEEDED)
            }
            Some(group) if group.subscription => Ok(owner),
            _ if user.balance <= 0.0 => Err(errors::INSUFFICIENT_BALANCE),
            None if self.is_n() && checks == Checks::All => Err(errors::KEY_WITHOUT_GROUP),
            _ => Ok(owner),
        }
    }

    fn bill(&self, key: &FakeKey) -> Result<(), HostError> {
        if !self.is_n() {
            return Ok(());
        }
        if key.status == "quota_exhausted" || (key.quota > 0.0 && key.quota_used >= key.quota) {
            return Err(errors::API_KEY_QUOTA_EXHAUSTED);
        }
        if key.status == "expired" || key.expires_at.is_some_and(|end| end <= self.now()) {
            return Err(errors::API_KEY_EXPIRED);
        }
        Ok(())
    }

    /// `GET /v1/usage`.
    pub(crate) fn key_usage(&self, owner: KeyOwner) -> Reply {
        let group = owner.group.and_then(|id| self.group_by_id(id));
        if group.is_none() && self.is_n() {
            return Reply::error(errors::KEY_WITHOUT_GROUP);
        }
        let Some(group) = group.filter(|group| group.subscription) else {
            return self.wallet(owner.user);
        };
        if let Some(key) = self.keys.iter().find(|key| key.id == owner.key && self.is_n() && key.quota > 0.0) {
            return limited_key(key);
        }
        let row = self.subscriptions.iter().find(|row| Some(row.id) == owner.subscription);
        let mut usage = json!({"isValid": true, "planName": group.name, "unit": "USD"});
        if row.is_some() || !self.is_n() {
            let left = row.and_then(|row| left_today(group, row));
            usage["remaining"] = left.map_or(-1.0, |left| left.max(0.0)).into();
        }
        if self.is_n() {
            usage["mode"] = "unrestricted".into();
            usage["daily_usage"] = json!([]);
            if let Some(row) = row {
                usage["subscription"] = json!({
                    "daily_usage_usd": used(row), "weekly_usage_usd": used(row), "monthly_usage_usd": used(row),
                    "daily_limit_usd": group.daily_limit_usd, "weekly_limit_usd": null, "monthly_limit_usd": null,
                    "weekly_window_start": time(row.starts_at), "expires_at": time(row.expires_at),
                });
            }
        }
        Reply::json(&usage)
    }

    /// What a key is told that is paid for out of its user's balance.
    fn wallet(&self, user: i64) -> Reply {
        let balance = self.user_by_id(user).map_or(0.0, |user| user.balance);
        let mut usage = json!({"isValid": true, "planName": "钱包余额", "remaining": balance, "unit": "USD"});
        if self.is_n() {
            usage["mode"] = "unrestricted".into();
            usage["balance"] = balance.into();
            usage["daily_usage"] = json!([]);
        }
        Reply::json(&usage)
    }

    /// `GET /v1/sub2api/billing` of `[N]`.
    pub(crate) fn key_billing(&self, owner: Option<KeyOwner>) -> Reply {
        let error = |status: u16, kind: &str, message: &str| {
            Reply::json(&json!({"error": {"message": message, "type": kind}, "type": "error"})).status(status)
        };
        if self.simple_mode {
            return error(404, "not_found_error", "Billing information is not supported in simple mode");
        }
        // A key that the panel does not know is in no group, and billed at one to one.
        let group = owner.map(|owner| owner.group.and_then(|id| self.group_by_id(id)));
        let multiplier = match group {
            Some(None) => return error(403, "permission_error", "API key is not assigned to a group"),
            Some(Some(group)) => group.rate_multiplier,
            None => 1.0,
        };
        Reply::json(&json!({
            "object": "sub2api.key_billing", "schema_version": 1, "billing_scope": "token",
            "group_rate_multiplier": multiplier, "resolved_rate_multiplier": multiplier, "peak_rate_enabled": false,
            "effective_rate_multiplier": multiplier, "observed_at": self.now().to_string(),
        }))
    }

    /// Writes down a request that was served. `answer_id` is what the host puts on the answer.
    pub(crate) fn record_usage(
        &mut self,
        owner: KeyOwner,
        model: &str,
        stream: bool,
        tokens: (u64, u64),
        answer_id: &str,
    ) {
        let id = self.id_of("usage", 0);
        let request_id = if self.is_n() { format!("client:{answer_id}") } else { answer_id.to_owned() };
        self.usage.push(FakeUsageRow {
            id,
            request_id,
            user_id: owner.user,
            api_key_id: owner.key,
            group_id: owner.group,
            subscription_id: owner.subscription,
            model: model.to_owned(),
            stream,
            input_tokens: tokens.0,
            output_tokens: tokens.1,
            created_at: self.now(),
        });
    }
}

/// USD of a subscription that were used today.
fn used(row: &FakeSubscription) -> f64 {
    f64::from(row.daily_usage_cents) / 100.0
}

/// USD that are left today; below 0 when more was used than there was.
fn left_today(group: &FakeGroup, row: &FakeSubscription) -> Option<f64> {
    Some(group.daily_limit_usd.filter(|limit| *limit > 0.0)? - used(row))
}

/// What `[N]` tells a key that has a limit of its own: of that limit, and nothing of the subscription.
fn limited_key(key: &FakeKey) -> Reply {
    let remaining = (key.quota - key.quota_used).max(0.0);
    let mut usage = json!({
        "mode": "quota_limited", "isValid": true, "status": key.status, "remaining": remaining, "unit": "USD",
        "quota": {"limit": key.quota, "used": key.quota_used, "remaining": remaining, "unit": "USD"},
        "daily_usage": [],
    });
    if let Some(end) = key.expires_at {
        usage["expires_at"] = time(end);
    }
    Reply::json(&usage)
}

/// The model data of a key's own calls that is the same for every key.
pub(crate) fn unknown_key_usage(name: &str, is_n: bool) -> Value {
    let mut usage = json!({"isValid": true, "planName": name, "remaining": -1, "unit": "USD"});
    if is_n {
        usage["mode"] = "unrestricted".into();
        usage["subscription"] = json!({
            "daily_usage_usd": 0, "weekly_usage_usd": 0, "monthly_usage_usd": 0,
            "expires_at": "2099-12-31T23:59:59+08:00",
        });
    }
    usage
}

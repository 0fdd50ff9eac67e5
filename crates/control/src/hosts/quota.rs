//! What is left of a subscription or a key, and when its windows are whole again.

use std::time::Duration;

use relay_domain::Timestamp;
use relay_hosts::admin::{Group, KeyUsage, Subscription};
use serde_json::{Value, json};

/// A window with a limit, in USD.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Window {
    pub(super) name: String,
    pub(super) limit: f64,
    pub(super) used: f64,
    /// When it is whole again; `None` when it begins with the next request, or nobody says.
    pub(super) resets_at: Option<Timestamp>,
}

impl Window {
    pub(super) fn left(&self) -> f64 {
        (self.limit - self.used).max(0.0)
    }

    fn share_left(&self) -> f64 {
        self.left() / self.limit
    }
}

/// What is left of a subscription or key.
#[derive(Debug, PartialEq)]
pub(super) struct Quota {
    pub(super) windows: Vec<Window>,
    /// The host's own word for what is left, where it says no more.
    remaining: Option<f64>,
    pub(super) expires_at: Option<Timestamp>,
}

impl Quota {
    /// Of a subscription, by its row and its group.
    pub(super) fn of(group: &Group, row: &Subscription, now: Timestamp) -> Self {
        let window = |name: &str, limit: Option<f64>, used, start: Option<Timestamp>, hours: u64| {
            // 0 is no limit on every version.
            let limit = limit.filter(|limit| *limit > 0.0)?;
            let length = Duration::from_secs(hours * 3600);
            let resets_at = start.and_then(|start| start.checked_add(length).ok());
            // A window that is over is emptied by the host at the next request.
            let is_over = resets_at.is_some_and(|at| at <= now);
            Some(Window {
                name: String::from(name),
                limit,
                used: if is_over { 0.0 } else { used },
                resets_at: resets_at.filter(|_| !is_over),
            })
        };
        let windows = [
            window("daily", group.daily_limit_usd, row.daily_usage_usd, row.daily_window_start, 24),
            window("weekly", group.weekly_limit_usd, row.weekly_usage_usd, row.weekly_window_start, 7 * 24),
            window("monthly", group.monthly_limit_usd, row.monthly_usage_usd, row.monthly_window_start, 30 * 24),
        ];
        Self { windows: windows.into_iter().flatten().collect(), remaining: None, expires_at: row.expires_at }
    }

    /// Of a key, by what the host tells the key of itself (sub2api-host-api.md §3.4).
    pub(super) fn of_key(usage: &KeyUsage, now: Timestamp) -> Self {
        let mut windows = Vec::new();
        let mut add = |name: &str, limit: Option<f64>, used: f64, resets_at: Option<Timestamp>| {
            windows.extend(limit.filter(|limit| *limit > 0.0).map(|limit| Window {
                name: name.to_owned(),
                limit,
                used,
                resets_at: resets_at.filter(|at| *at > now),
            }));
        };
        if let Some(row) = &usage.subscription {
            let week = Duration::from_hours(7 * 24);
            let week_ends = row.weekly_window_start.and_then(|start| start.checked_add(week).ok());
            add("daily", row.daily_limit_usd, row.daily_usage_usd, None);
            add("weekly", row.weekly_limit_usd, row.weekly_usage_usd, week_ends);
            add("monthly", row.monthly_limit_usd, row.monthly_usage_usd, None);
        }
        if let Some(quota) = &usage.quota {
            add("total", Some(quota.limit), quota.used, None);
        }
        for window in &usage.rate_limits {
            add(&window.window, Some(window.limit), window.used, window.reset_at);
        }
        let expires_at = usage.expires_at.or(usage.subscription.as_ref().and_then(|row| row.expires_at));
        // -1 is no limit.
        Self { windows, remaining: usage.remaining.filter(|left| *left >= 0.0), expires_at }
    }

    /// Of a key that is refused because something of it is used up.
    pub(super) fn used_up() -> Self {
        Self { windows: Vec::new(), remaining: Some(0.0), expires_at: None }
    }

    /// USD left of what ends first; `None` without a limit.
    pub(super) fn left(&self) -> Option<f64> {
        let windows = self.windows.iter().map(Window::left);
        windows.chain(self.remaining).min_by(f64::total_cmp)
    }

    /// The window that ends first to be used up.
    pub(super) fn tightest(&self) -> Option<&Window> {
        self.windows.iter().min_by(|a, b| a.share_left().total_cmp(&b.share_left()))
    }

    /// Without a limit, and where only the host's own word is known, it is low when nothing is left.
    pub(super) fn is_low(&self, percent: u32) -> bool {
        let is_used_up = self.remaining.is_some_and(|left| left <= 0.0);
        is_used_up || self.tightest().is_some_and(|window| window.share_left() * 100.0 <= f64::from(percent))
    }

    pub(super) fn document(&self, is_low: bool) -> Value {
        let window = |window: &Window| {
            json!({
                "window": window.name, "limit_usd": window.limit, "used_usd": window.used, "left_usd": window.left(),
                "resets_at": window.resets_at,
            })
        };
        json!({
            "left_usd": self.left(), "low": is_low, "expires_at": self.expires_at,
            "windows": self.windows.iter().map(window).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours)
    }

    fn quota(daily: (f64, f64), monthly: (f64, f64), now: i64) -> Quota {
        let group =
            serde_json::from_value(json!({ "id": 7, "daily_limit_usd": daily.0, "monthly_limit_usd": monthly.0 }));
        let row = serde_json::from_value(json!({
            "id": 1, "user_id": 2, "group_id": 7, "status": "active", "daily_usage_usd": daily.1, "monthly_usage_usd": monthly.1,
            "daily_window_start": at(0), "monthly_window_start": at(0),
        }));
        Quota::of(&group.unwrap(), &row.unwrap(), at(now))
    }

    #[test]
    fn the_tightest_window_decides() {
        let quota = quota((10.0, 5.0), (100.0, 95.0), 1);
        let tightest = quota.tightest().unwrap();
        assert_eq!((tightest.name.as_str(), tightest.left(), tightest.resets_at), ("monthly", 5.0, Some(at(30 * 24))));
        assert!(quota.is_low(10) && !quota.is_low(4));
    }

    #[test]
    fn a_window_that_is_over_is_whole_again() {
        assert!(quota((10.0, 10.0), (0.0, 0.0), 23).is_low(10));
        let over = quota((10.0, 10.0), (0.0, 0.0), 24);
        assert!(!over.is_low(10));
        assert_eq!((over.windows[0].left(), over.windows[0].resets_at), (10.0, None));
    }

    fn of_key(usage: Value) -> Quota {
        Quota::of_key(&serde_json::from_value(usage).unwrap(), at(10))
    }

    #[test]
    fn a_key_tells_of_its_subscription_on_newer_hosts_and_of_what_is_left_on_all() {
        let newer = of_key(json!({
            "mode": "unrestricted", "isValid": true, "remaining": 2.5,
            "subscription": {
                "daily_usage_usd": 7.5, "daily_limit_usd": 10, "weekly_usage_usd": 8, "weekly_limit_usd": null,
                "weekly_window_start": at(0), "expires_at": at(100),
            },
        }));
        assert_eq!((newer.left(), newer.windows.len(), newer.expires_at), (Some(2.5), 1, Some(at(100))));
        assert!(newer.is_low(25) && !newer.is_low(24));
        let older = of_key(json!({ "isValid": true, "planName": "pool", "remaining": 0.4, "unit": "USD" }));
        assert_eq!((older.left(), older.is_low(99)), (Some(0.4), false), "of how much is not said");
        assert!(of_key(json!({ "remaining": 0 })).is_low(1) && Quota::used_up().is_low(0));
        assert_eq!(of_key(json!({ "remaining": -1 })).left(), None);
    }

    #[test]
    fn a_key_with_limits_of_its_own_tells_of_each_window_and_when_it_is_whole_again() {
        let quota = of_key(json!({
            "mode": "quota_limited", "isValid": true, "remaining": 40, "expires_at": at(50),
            "quota": { "limit": 100, "used": 60, "remaining": 40, "unit": "USD" },
            "rate_limits": [
                { "window": "5h", "limit": 5, "used": 4.9, "remaining": 0.1, "reset_at": at(12) },
                { "window": "1d", "limit": 20, "used": 0, "remaining": 20, "reset_at": at(9) },
            ],
        }));
        let told: Vec<_> = quota.windows.iter().map(|it| (it.name.as_str(), it.resets_at)).collect();
        assert_eq!(told, [("total", None), ("5h", Some(at(12))), ("1d", None)]);
        assert_eq!((quota.tightest().unwrap().name.as_str(), quota.expires_at), ("5h", Some(at(50))));
    }

    #[test]
    fn without_a_limit_nothing_is_ever_low() {
        let quota = quota((0.0, 7.0), (0.0, 7.0), 1);
        assert!(quota.tightest().is_none() && !quota.is_low(100));
    }
}

//! Quotas, balances, prices and the accounts behind groups, looked at again and again. What
//! differs from before is an observation, only ever added to; what somebody should hear of is an event.
//!
//! Subscriptions are read by group, a hundred a call, and not key by key: a thousand users cost ten calls.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use relay_domain::{Host, Secret, Timestamp};
use relay_hosts::admin::{AdminClient, Capabilities, Group, RemoteGroupId, Subscription, SubscriptionFilter, Support};
use relay_store::{AccessKey, Event, Grant, GrantState, Observation, Severity, StoreError, UsageRecord};
use serde::Serialize;
use serde_json::{Value, json};

use super::{HostError, admin};
use crate::Control;

/// USD of a balance at which it is called low: a day of light use.
const LOW_BALANCE_USD: f64 = 5.0;

/// How hosts are watched.
#[derive(Clone, Copy, Debug)]
pub struct WatchSettings {
    /// A quota of which so little is left, in percent, is low.
    pub low_percent: u32,
}

/// What one look brought.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Watched {
    /// Grants whose quota was read.
    pub quotas: usize,
    /// Observations that differed from before.
    pub changes: usize,
    /// Events.
    pub events: usize,
    /// What could not be read, in words.
    pub problems: Vec<String>,
}

impl Control {
    /// Looks at every host that lets us in, one after the other.
    pub async fn watch_hosts(&self, settings: WatchSettings) {
        for host in self.parts.managed.hosts().managed() {
            match self.watch(&host, settings).await {
                Ok(watched) => {
                    let problems = watched.problems.len();
                    tracing::debug!(host = %host.id, quotas = watched.quotas, problems, "watched a host");
                }
                Err(error) => tracing::warn!(host = %host.id, %error, "a host was not watched"),
            }
        }
    }

    /// Looks at one host now.
    ///
    /// # Errors
    /// When its groups cannot be read, or the store fails.
    pub async fn watch_host(&self, id: &str, settings: WatchSettings) -> Result<Watched, HostError> {
        let host = self.reached(id)?;
        self.watch(&host, settings).await
    }

    async fn watch(&self, host: &Host, settings: WatchSettings) -> Result<Watched, HostError> {
        let known = self.parts.managed.hosts();
        let (client, capabilities) = (known.client(host), known.capabilities(host).await.map_err(admin(host))?);
        let groups = client.groups().await.map_err(admin(host))?;
        let grants = self.grants_of(host).await?;
        let now = self.now();
        let mut watched = Watched { changes: self.note_multipliers(host, &groups, now).await?, ..Watched::default() };
        let ready: Vec<_> = grants.iter().filter(|(grant, _)| grant.state == GrantState::Ready).collect();
        let in_use: BTreeSet<i64> = ready.iter().map(|(grant, _)| grant.name.group_id).collect();
        for id in in_use {
            let Some(group) = groups.iter().find(|group| group.id.0 == id) else { continue };
            let of_group = ready.iter().filter(|(grant, _)| grant.name.group_id == id);
            let of_group: Vec<&(Grant, Option<AccessKey>)> = of_group.copied().collect();
            self.quotas(&client, group, &of_group, settings, &mut watched).await?;
            let key = of_group.iter().find_map(|(_, key)| key.as_ref()?.secret.as_ref());
            if let Some(key) = key.filter(|_| capabilities.key_billing == Support::Yes) {
                self.billing(host, &client, id, key, &mut watched).await?;
            }
        }
        if let Some(key) = &host.gateway_key {
            self.balance(host, &client, &key.secret, &mut watched).await?;
        }
        self.availability(host, &client, &capabilities, &mut watched).await?;
        Ok(watched)
    }

    /// What is left of each subscription of a group.
    async fn quotas(
        &self,
        client: &AdminClient,
        group: &Group,
        grants: &[&(Grant, Option<AccessKey>)],
        settings: WatchSettings,
        watched: &mut Watched,
    ) -> Result<(), StoreError> {
        let filter = SubscriptionFilter { group: Some(group.id), ..SubscriptionFilter::default() };
        let rows = match client.subscriptions(&filter).await {
            Ok(rows) => rows,
            Err(error) => {
                watched.problems.push(format!("the subscriptions of group {}: {error}", group.id));
                return Ok(());
            }
        };
        let rows: BTreeMap<i64, &Subscription> = rows.iter().map(|row| (row.id.0, row)).collect();
        let (now, mut records, mut events) = (self.now(), Vec::new(), Vec::new());
        for (grant, _) in grants {
            let Some(row) = grant.subscription_id.and_then(|id| rows.get(&id)) else { continue };
            let quota = Quota::of(group, row, now);
            let before = self.parts.store.usage_of(&grant.name).await?;
            let was_low = before.is_some_and(|before| before.document["low"] == true);
            let is_low = quota.is_low(settings.low_percent);
            if is_low && !was_low {
                events.push(low_quota(grant, &quota, now));
            }
            records.push(UsageRecord {
                name: grant.name.clone(),
                observed_at: now,
                document: quota.document(row, is_low),
            });
        }
        watched.quotas += records.len();
        watched.events += events.len();
        self.parts.store.put_usage(&records).await?;
        self.parts.store.record_events(&events).await
    }

    /// The price that a key of a group pays now, peak hours and the user's own rate included.
    async fn billing(
        &self,
        host: &Host,
        client: &AdminClient,
        group: i64,
        key: &Secret,
        watched: &mut Watched,
    ) -> Result<(), StoreError> {
        let billing = match client.key_billing(key).await {
            Ok(billing) => billing,
            Err(error) => {
                watched.problems.push(format!("the price of group {group}: {error}"));
                return Ok(());
            }
        };
        let Some(rate) = billing.effective_rate_multiplier else { return Ok(()) };
        let seen = vec![("effective_multiplier", format!("group:{group}"), json!(rate))];
        watched.changes += self.note_prices(host, seen, self.now()).await?;
        Ok(())
    }

    /// What is left behind the host's own gateway key.
    async fn balance(
        &self,
        host: &Host,
        client: &AdminClient,
        key: &Secret,
        watched: &mut Watched,
    ) -> Result<(), StoreError> {
        let usage = match client.key_usage(key).await {
            Ok(usage) => usage,
            Err(error) => {
                watched.problems.push(format!("the balance of the gateway key: {error}"));
                return Ok(());
            }
        };
        // -1 is no limit.
        let Some(left) = usage.remaining.filter(|left| *left >= 0.0) else { return Ok(()) };
        let now = self.now();
        let seen = observation(host, "balance", "gateway_key", json!(left), now);
        for (_, before) in self.parts.store.observe(&[seen]).await? {
            watched.changes += 1;
            let before = before.and_then(|before| before.value.as_f64());
            if left < LOW_BALANCE_USD && before.is_none_or(|before| before >= LOW_BALANCE_USD) {
                let message = format!("{left:.2} USD are left behind the gateway key of host \"{}\"", host.id);
                let event =
                    event(host, "balance_low", Severity::Warning, "gateway_key", message, json!({ "usd": left }), now);
                self.parts.store.record_events(&[event]).await?;
                watched.events += 1;
            }
        }
        Ok(())
    }

    /// How many accounts behind each group can be used.
    async fn availability(
        &self,
        host: &Host,
        client: &AdminClient,
        capabilities: &Capabilities,
        watched: &mut Watched,
    ) -> Result<(), StoreError> {
        if capabilities.ops != Support::Yes {
            return Ok(());
        }
        let told = match client.ops_availability(None).await {
            Ok(told) if told.enabled => told,
            Ok(_) => return Ok(()),
            Err(error) => {
                watched.problems.push(format!("the availability of accounts: {error}"));
                return Ok(());
            }
        };
        let now = self.now();
        for (RemoteGroupId(group), accounts) in told.group {
            let value = json!({
                "total": accounts.total_accounts, "available": accounts.available_count,
                "rate_limited": accounts.rate_limit_count, "error": accounts.error_count,
            });
            let seen = observation(host, "availability", &format!("group:{group}"), value.clone(), now);
            for (_, before) in self.parts.store.observe(&[seen]).await? {
                watched.changes += 1;
                let had_some = before.is_none_or(|before| before.value["available"].as_i64() != Some(0));
                if accounts.total_accounts > 0 && accounts.available_count == 0 && had_some {
                    let message = format!("no account behind group {group} of host \"{}\" can be used", host.id);
                    let subject = format!("group:{group}");
                    let event =
                        event(host, "accounts_unavailable", Severity::Warning, &subject, message, value.clone(), now);
                    self.parts.store.record_events(&[event]).await?;
                    watched.events += 1;
                }
            }
        }
        Ok(())
    }

    /// Notes the declared prices of groups; answers how many differ from before.
    pub(super) async fn note_multipliers(
        &self,
        host: &Host,
        groups: &[Group],
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let declared = groups
            .iter()
            .filter_map(|group| Some(("multiplier", format!("group:{}", group.id), json!(group.rate_multiplier?))));
        self.note_prices(host, declared.collect(), now).await
    }

    async fn note_prices(
        &self,
        host: &Host,
        seen: Vec<(&'static str, String, Value)>,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let seen: Vec<Observation> =
            seen.into_iter().map(|(kind, subject, value)| observation(host, kind, &subject, value, now)).collect();
        let changed = self.parts.store.observe(&seen).await?;
        let events: Vec<Event> = changed
            .iter()
            .filter_map(|(seen, before)| {
                let before = before.as_ref()?;
                let message = format!(
                    "the {} of {} on host \"{}\" went from {} to {}",
                    seen.kind.replace('_', " "),
                    seen.subject,
                    host.id,
                    before.value,
                    seen.value
                );
                let details =
                    json!({ "kind": seen.kind, "before": before.value, "since": before.at, "now": seen.value });
                Some(event(host, "price_change", Severity::Warning, &seen.subject, message, details, now))
            })
            .collect();
        self.parts.store.record_events(&events).await?;
        Ok(changed.len())
    }
}

fn observation(host: &Host, kind: &str, subject: &str, value: Value, at: Timestamp) -> Observation {
    Observation { id: 0, at, host: host.id.clone(), kind: kind.to_owned(), subject: subject.to_owned(), value }
}

fn event(
    host: &Host,
    kind: &str,
    severity: Severity,
    subject: &str,
    message: String,
    details: Value,
    at: Timestamp,
) -> Event {
    let (kind, subject) = (kind.to_owned(), subject.to_owned());
    Event { id: 0, at, kind, severity, host: Some(host.id.clone()), subject, message, details }
}

fn low_quota(grant: &Grant, quota: &Quota, now: Timestamp) -> Event {
    let Some(window) = quota.tightest() else { unreachable!("what has no limit is not low") };
    let message = format!(
        "{:.2} of {:.2} USD are left of the {} quota of {}",
        window.left(),
        window.limit,
        window.name,
        grant.name
    );
    Event {
        id: 0,
        at: now,
        kind: "quota_low".to_owned(),
        severity: Severity::Warning,
        host: Some(grant.name.host.clone()),
        subject: format!("{}/{}", grant.name.user, grant.name.group_id),
        message,
        details: json!({ "window": window.name, "left_usd": window.left(), "resets_at": window.resets_at }),
    }
}

/// A window of a subscription with a limit.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Window {
    name: &'static str,
    limit: f64,
    used: f64,
    resets_at: Option<Timestamp>,
}

impl Window {
    fn left(&self) -> f64 {
        (self.limit - self.used).max(0.0)
    }

    fn share_left(&self) -> f64 {
        self.left() / self.limit
    }
}

/// What is left of a subscription.
#[derive(Debug, PartialEq)]
struct Quota {
    windows: Vec<Window>,
}

impl Quota {
    fn of(group: &Group, row: &Subscription, now: Timestamp) -> Self {
        let window = |name, limit: Option<f64>, used, start: Option<Timestamp>, hours: u64| {
            // 0 is no limit on every version.
            let limit = limit.filter(|limit| *limit > 0.0)?;
            let length = Duration::from_secs(hours * 3600);
            let resets_at = start.and_then(|start| start.checked_add(length).ok());
            // A window that is over is emptied by the host at the next request.
            let is_over = resets_at.is_some_and(|at| at <= now);
            Some(Window {
                name,
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
        Self { windows: windows.into_iter().flatten().collect() }
    }

    /// The window that ends first to be used up.
    fn tightest(&self) -> Option<&Window> {
        self.windows.iter().min_by(|a, b| a.share_left().total_cmp(&b.share_left()))
    }

    fn is_low(&self, percent: u32) -> bool {
        self.tightest().is_some_and(|window| window.share_left() * 100.0 <= f64::from(percent))
    }

    fn document(&self, row: &Subscription, is_low: bool) -> Value {
        let window = |window: &Window| {
            json!({
                "window": window.name, "limit_usd": window.limit, "used_usd": window.used, "left_usd": window.left(),
                "resets_at": window.resets_at,
            })
        };
        json!({
            "left_usd": self.tightest().map(Window::left), "low": is_low, "expires_at": row.expires_at,
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
        assert_eq!((tightest.name, tightest.left(), tightest.resets_at), ("monthly", 5.0, Some(at(30 * 24))));
        assert!(quota.is_low(10) && !quota.is_low(4));
    }

    #[test]
    fn a_window_that_is_over_is_whole_again() {
        assert!(quota((10.0, 10.0), (0.0, 0.0), 23).is_low(10));
        let over = quota((10.0, 10.0), (0.0, 0.0), 24);
        assert!(!over.is_low(10));
        assert_eq!((over.windows[0].left(), over.windows[0].resets_at), (10.0, None));
    }

    #[test]
    fn without_a_limit_nothing_is_ever_low() {
        let quota = quota((0.0, 7.0), (0.0, 7.0), 1);
        assert!(quota.tightest().is_none() && !quota.is_low(100));
    }
}

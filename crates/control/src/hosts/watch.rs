//! Quotas, balances, prices and the accounts behind groups, looked at again and again. What
//! differs from before is an observation, only ever added to; what somebody should hear of is an event.
//!
//! Subscriptions are read by group, a hundred a call; what each key is told of itself comes after it, a few keys at a
//! time (`key_quotas`).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use relay_domain::{Host, Secret, Timestamp};
use relay_hosts::admin::{AdminClient, Capabilities, Group, RemoteGroupId, Subscription, SubscriptionFilter, Support};
use relay_store::{AccessKey, Event, Grant, GrantState, Observation, Severity, StoreError, UsageRecord};
use serde::Serialize;
use serde_json::{Value, json};

use super::quota::Quota;
use super::{HostError, admin};
use crate::Control;

/// USD of a balance at which it is called low: a day of light use.
pub(crate) const LOW_BALANCE_USD: f64 = 5.0;

/// How hosts are watched.
#[derive(Clone, Copy, Debug)]
pub struct WatchSettings {
    /// A quota of which so little is left, in percent, is low.
    pub low_percent: u32,
    /// Managed keys of a host that are asked about themselves in one look, the one that was asked longest ago first.
    pub keys_a_look: usize,
    /// A key that was asked within this time is not asked again.
    pub fresh: Duration,
    /// The keys of a look are spread over this time.
    pub spread: Duration,
}

/// Keys of a host are asked this far apart: answering costs a host sums over its whole bill, and 30 a minute are half of what it
/// allows a user of such pages.
const KEY_GAP: Duration = Duration::from_secs(2);

impl WatchSettings {
    /// For a look every `every`: the keys take four fifths of the time until the next.
    pub fn every(every: Duration, low_percent: u32) -> Self {
        let spread = every.mul_f64(0.8);
        let keys = spread.as_secs() / KEY_GAP.as_secs();
        Self { low_percent, keys_a_look: usize::try_from(keys).unwrap_or(usize::MAX).max(1), fresh: spread, spread }
    }

    /// For one look now, at every key.
    pub fn now(low_percent: u32) -> Self {
        Self { low_percent, keys_a_look: usize::MAX, fresh: Duration::ZERO, spread: Duration::ZERO }
    }
}

/// What one look brought.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Watched {
    /// Grants whose quota was read.
    pub quotas: usize,
    /// Keys that were asked about themselves.
    pub keys: usize,
    /// Observations that differed from before.
    pub changes: usize,
    /// Events.
    pub events: usize,
    /// What could not be read, in words.
    pub problems: Vec<String>,
}

impl Control {
    /// Looks at every host that lets us in, all at the same time: each has a pace of its own.
    pub async fn watch_hosts(&self, settings: WatchSettings) {
        let hosts = self.parts.managed.hosts().managed();
        let looks = hosts.iter().map(|host| async move {
            match self.watch(host, settings).await {
                Ok(Watched { quotas, keys, problems, .. }) => {
                    tracing::debug!(host = %host.id, quotas, keys, problems = problems.len(), "watched a host");
                }
                Err(error) => tracing::warn!(host = %host.id, %error, "a host was not watched"),
            }
        });
        join_all(looks).await;
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
        self.capacity(host, &client, &capabilities, &mut watched).await?;
        self.availability(host, &client, &capabilities, &mut watched).await?;
        let asked: Vec<_> = ready.iter().filter_map(|(grant, key)| Some((grant, key.as_ref()?))).collect();
        self.key_quotas(host, &client, &asked, settings, &mut watched).await?;
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
            let before = self.parts.store.usage_of(&grant.name).await?.map(|before| before.document);
            let was_low = before.as_ref().is_some_and(|before| before["low"] == true);
            let is_low = quota.is_low(settings.low_percent);
            if is_low && !was_low {
                events.push(low_quota(grant, &quota, now));
            }
            let mut document = quota.document(is_low);
            if let Some(of_key) = before.and_then(|before| before.get("key").cloned()) {
                document["key"] = of_key;
            }
            records.push(UsageRecord { name: grant.name.clone(), observed_at: now, document });
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

    /// How much each group takes at once.
    async fn capacity(
        &self,
        host: &Host,
        client: &AdminClient,
        capabilities: &Capabilities,
        watched: &mut Watched,
    ) -> Result<(), StoreError> {
        if capabilities.capacity_summary != Support::Yes {
            return Ok(());
        }
        let capacities = match client.group_capacities().await {
            Ok(capacities) => capacities,
            Err(error) => {
                watched.problems.push(format!("the capacity of the groups: {error}"));
                return Ok(());
            }
        };
        let now = self.now();
        // What is in use differs at every look: it is load, and no change of what the host offers.
        let seen = capacities.into_iter().map(|it| {
            let value = json!({ "concurrency": it.concurrency_max, "sessions": it.sessions_max, "rpm": it.rpm_max });
            observation(host, "capacity", &format!("group:{}", it.group_id), value, now)
        });
        watched.changes += self.parts.store.observe(&seen.collect::<Vec<_>>()).await?.len();
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

pub(super) fn observation(host: &Host, kind: &str, subject: &str, value: Value, at: Timestamp) -> Observation {
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

/// Of a quota that is low.
pub(super) fn low_quota(grant: &Grant, quota: &Quota, now: Timestamp) -> Event {
    let left = quota.left().unwrap_or_default();
    let (of, window, resets_at) = match quota.tightest() {
        Some(window) => {
            let of = format!("of {:.2} USD are left of the {} quota", window.limit, window.name);
            (of, Some(&*window.name), window.resets_at)
        }
        None => ("USD are left of the quota".to_owned(), None, None),
    };
    Event {
        id: 0,
        at: now,
        kind: "quota_low".to_owned(),
        severity: Severity::Warning,
        host: Some(grant.name.host.clone()),
        subject: format!("{}/{}", grant.name.user, grant.name.group_id),
        message: format!("{left:.2} {of} of {}", grant.name),
        details: json!({ "window": window, "left_usd": left, "resets_at": resets_at }),
    }
}

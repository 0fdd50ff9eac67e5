//! What lasts by the record of hosts: balances and quotas that are low, groups without an account, access that is refused. Looked
//! up once a minute, for what the health of the fleet cannot know.

use std::collections::BTreeSet;

use relay_domain::Timestamp;
use relay_notify::{Event, Kind, Severity};
use relay_store::{EventFilter, GrantFilter, GrantName, GrantState, ObservationFilter, StoreError};
use serde_json::json;

use super::conditions::event;
use crate::Control;
use crate::hosts::watch::LOW_BALANCE_USD;

/// Of each kind no more are told at once; whoever has more of them knows.
const MOST: u32 = 200;

impl Control {
    /// Everything of the record that holds.
    pub(super) async fn standing(&self, now: Timestamp) -> Result<Vec<Event>, StoreError> {
        let mut events = self.low_balances(now).await?;
        events.extend(self.low_quotas(now).await?);
        events.extend(self.unavailable_accounts(now).await?);
        events.extend(self.refused_access(now).await?);
        Ok(events)
    }

    /// By the last balance that was seen of each host's own key.
    async fn low_balances(&self, now: Timestamp) -> Result<Vec<Event>, StoreError> {
        let mut events = Vec::new();
        for host in self.parts.managed.hosts().managed() {
            if host.gateway_key.is_none() {
                continue;
            }
            let filter = ObservationFilter {
                kind: Some("balance".to_owned()),
                host: Some(host.id.clone()),
                ..ObservationFilter::default()
            };
            let Some(seen) = self.parts.store.observations(&filter, None, 1).await?.pop() else { continue };
            let Some(left) = seen.value.as_f64().filter(|left| *left < LOW_BALANCE_USD) else { continue };
            let facts = json!({ "host_id": host.id.as_str(), "balance": format!("{left:.2} USD") });
            let subject = format!("{}, gateway key", host.id);
            events.push(event(Kind::BalanceLow, Severity::Warning, &subject, facts, seen.at, now));
        }
        Ok(events)
    }

    /// Of the grants whose quota became low, those where it still is.
    async fn low_quotas(&self, now: Timestamp) -> Result<Vec<Event>, StoreError> {
        let store = &self.parts.store;
        let filter = EventFilter { kind: Some("quota_low".to_owned()), ..EventFilter::default() };
        let (mut events, mut seen) = (Vec::new(), BTreeSet::new());
        for became in store.events(&filter, None, MOST).await? {
            let Some(name) = grant_of(&became) else { continue };
            if !seen.insert((name.host.to_string(), became.subject.clone())) {
                continue;
            }
            let is_ready = store.grant(&name).await?.is_some_and(|grant| grant.state == GrantState::Ready);
            let usage = if is_ready { store.usage_of(&name).await? } else { None };
            let Some(usage) = usage.filter(|usage| usage.document["low"] == true) else { continue };
            let facts = json!({ "host_id": name.host.as_str(), "left_usd": usage.document["left_usd"] });
            let subject = format!("{}, {}", name.host, became.subject);
            events.push(event(Kind::BalanceLow, Severity::Warning, &subject, facts, became.at, now));
        }
        Ok(events)
    }

    /// Of the groups that were without a usable account, those that still are by the last look.
    async fn unavailable_accounts(&self, now: Timestamp) -> Result<Vec<Event>, StoreError> {
        let store = &self.parts.store;
        let filter = EventFilter { kind: Some("accounts_unavailable".to_owned()), ..EventFilter::default() };
        let (mut events, mut seen) = (Vec::new(), BTreeSet::new());
        for became in store.events(&filter, None, MOST).await? {
            let Some(host) = became.host.clone().filter(|host| seen.insert((host.to_string(), became.subject.clone())))
            else {
                continue;
            };
            let filter = ObservationFilter {
                kind: Some("availability".to_owned()),
                host: Some(host.clone()),
                subject: Some(became.subject.clone()),
            };
            let last = store.observations(&filter, None, 1).await?.pop();
            let Some(last) = last.filter(|last| last.value["available"] == 0 && last.value["total"] != 0) else {
                continue;
            };
            let facts = json!({
                "host_id": host.as_str(), "total": last.value["total"], "rate_limited": last.value["rate_limited"],
            });
            let subject = format!("{host}, {}", became.subject);
            events.push(event(Kind::AccountsUnavailable, Severity::Warning, &subject, facts, became.at, now));
        }
        Ok(events)
    }

    async fn refused_access(&self, now: Timestamp) -> Result<Vec<Event>, StoreError> {
        let filter = GrantFilter { state: Some(GrantState::Refused), ..GrantFilter::default() };
        let refused = self.parts.store.grants(&filter, None, MOST).await?;
        let told = refused.into_iter().map(|grant| {
            let GrantName { host, user, group_id } = &grant.name;
            let problem = grant.problem.as_ref();
            let facts = json!({
                "host_id": host.as_str(),
                "reason": problem.map(|problem| problem.code.as_str()),
                "message": problem.map(|problem| problem.message.as_str()),
            });
            let subject = format!("{host}, {user}/{group_id}");
            event(Kind::CredentialDead, Severity::Warning, &subject, facts, grant.updated_at, now)
        });
        Ok(told.collect())
    }
}

/// The grant that an event of the watch is about: its subject is `user/group`.
fn grant_of(event: &relay_store::Event) -> Option<GrantName> {
    let (user, group) = event.subject.rsplit_once('/')?;
    Some(GrantName { host: event.host.clone()?, user: user.into(), group_id: group.parse().ok()? })
}

//! What each managed key is told of itself: what is left, when its windows are whole again, when it ends.
//!
//! A host computes that for every call, so keys are asked a few at a time, far apart, and not again while the last answer is
//! fresh. A key that the host refuses is looked at by the way of every grant.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::SignedDuration;
use relay_domain::{Host, HostId, Timestamp};
use relay_hosts::admin::{AdminClient, AdminError};
use relay_store::{AccessKey, Grant, GrantName, StoreError, UsageRecord};
use serde_json::json;

use super::quota::Quota;
use super::watch::{WatchSettings, Watched, low_quota, observation};
use crate::Control;

/// When each key was last asked. In memory: after a restart every key is due, and no more are asked than otherwise.
#[derive(Debug, Default)]
pub(crate) struct KeyLooks(Mutex<HashMap<GrantName, Timestamp>>);

impl KeyLooks {
    /// The grants whose keys are to be asked now, the one that was asked longest ago first.
    fn due<'a>(
        &self,
        host: &HostId,
        grants: &[(&'a Grant, &'a AccessKey)],
        now: Timestamp,
        settings: WatchSettings,
    ) -> Vec<(&'a Grant, &'a AccessKey)> {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        looks.retain(|name, _| name.host != *host || grants.iter().any(|(grant, _)| grant.name == *name));
        let fresh = SignedDuration::try_from(settings.fresh).unwrap_or(SignedDuration::MAX);
        let mut due: Vec<_> = grants
            .iter()
            .map(|&(grant, key)| (looks.get(&grant.name).copied(), grant, key))
            .filter(|(asked, ..)| asked.is_none_or(|asked| now.duration_since(asked) >= fresh))
            .collect();
        due.sort_by_key(|(asked, ..)| *asked);
        due.truncate(settings.keys_a_look);
        due.into_iter().map(|(_, grant, key)| (grant, key)).collect()
    }

    fn asked(&self, name: &GrantName, now: Timestamp) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), now);
    }
}

impl Control {
    /// Asks the keys that are due.
    pub(super) async fn key_quotas(
        &self,
        host: &Host,
        client: &AdminClient,
        grants: &[(&Grant, &AccessKey)],
        settings: WatchSettings,
        watched: &mut Watched,
    ) -> Result<(), StoreError> {
        let due = self.key_looks.due(&host.id, grants, self.now(), settings);
        let gap = settings.spread / u32::try_from(due.len().max(1)).unwrap_or(u32::MAX);
        for (grant, key) in due {
            if !gap.is_zero() {
                tokio::time::sleep(gap).await;
            }
            // A look takes minutes: what was exchanged or taken away meanwhile is not asked.
            let is_in_use = || self.parts.managed.is_in_use(&grant.name, &key.fingerprint);
            let Some(secret) = key.secret.as_ref().filter(|_| is_in_use()) else { continue };
            let told = client.key_usage(secret).await;
            let now = self.now();
            self.key_looks.asked(&grant.name, now);
            let quota = match told {
                Ok(usage) => Quota::of_key(&usage, now),
                Err(error) if error.is_over_limit() => Quota::used_up(),
                Err(AdminError::Refused(_)) if !is_in_use() => continue,
                Err(AdminError::Refused(refusal)) if matches!(refusal.status, 401 | 403) => {
                    watched.problems.push(format!("the key of {}: {refusal}; it is looked at", grant.name));
                    self.parts.managed.look_again(std::slice::from_ref(&grant.name));
                    continue;
                }
                // Whatever it is, the next key would meet it, too.
                Err(error) => {
                    watched.problems.push(format!("the quota of the key of {}: {error}", grant.name));
                    return Ok(());
                }
            };
            watched.keys += 1;
            self.note_key_quota(host, grant, &quota, settings, watched).await?;
        }
        Ok(())
    }

    async fn note_key_quota(
        &self,
        host: &Host,
        grant: &Grant,
        quota: &Quota,
        settings: WatchSettings,
        watched: &mut Watched,
    ) -> Result<(), StoreError> {
        let (store, now) = (&self.parts.store, self.now());
        let windows = quota.windows.iter().map(|window| {
            json!({
                "window": window.name, "limit_usd": window.limit, "left_usd": window.left(),
                "resets_at": window.resets_at,
            })
        });
        let value = json!({
            "left_usd": quota.left(), "expires_at": quota.expires_at, "windows": windows.collect::<Vec<_>>(),
        });
        let subject = format!("{}/{}", grant.name.user, grant.name.group_id);
        watched.changes += store.observe(&[observation(host, "key_quota", &subject, value, now)]).await?.len();

        let is_low = quota.is_low(settings.low_percent);
        let mut document = store.usage_of(&grant.name).await?.map_or_else(|| json!({}), |before| before.document);
        // The same window is read with the subscriptions, too: what was told of it there is not told again.
        let is_known = document["low"] == true || document["key"]["low"] == true;
        document["key"] = quota.document(is_low);
        document["key"]["observed_at"] = json!(now);
        store.put_usage(&[UsageRecord { name: grant.name.clone(), observed_at: now, document }]).await?;
        if is_low && !is_known {
            store.record_events(&[low_quota(grant, quota, now)]).await?;
            watched.events += 1;
        }
        Ok(())
    }
}

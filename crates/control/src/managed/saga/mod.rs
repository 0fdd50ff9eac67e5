//! The way to a grant, step by step (sub2api-host-api.md §3): group, user,
//! subscription, key, and a look whether the gateway serves it.
//!
//! Every step first looks at the host, so that whatever happened before counts, also what
//! an earlier run did and did not hear of; and it writes down what it is about to make before it makes
//! it. A run that fails or is broken off anywhere is simply run again.

mod check;
mod group;
mod key;
mod retire;
mod revoke;
mod room;
mod subscription;
mod user;

use std::sync::Arc;

use jiff::SignedDuration;
use relay_domain::{Host, Timestamp};
use relay_hosts::admin::{AdminClient, Capabilities, RemoteGroupId};
use relay_hosts::managed::{ManagedKey, Why};
use relay_store::{AccessChange, AccessKey, Grant, GrantState, KeyState, ResourceKind, Severity, Step, Want};
use serde_json::json;

use super::ManagedAccess;
use super::fault::EnsureError;

/// An object on the host that is known now, or no longer there.
type Resource = (ResourceKind, String, Option<i64>);

/// One run.
pub(super) struct Saga<'a> {
    access: &'a ManagedAccess,
    host: Arc<Host>,
    client: AdminClient,
    capabilities: Arc<Capabilities>,
    grant: Grant,
    /// Every issue of the key that is on record, newest first.
    keys: Vec<AccessKey>,
    /// The issue that this run found or made.
    key: Option<AccessKey>,
    /// What was just read does not count: somebody doubts it.
    doubted: bool,
}

impl<'a> Saga<'a> {
    /// Prepares a run over a grant as it is recorded.
    ///
    /// # Errors
    /// When the host cannot be called, or the store fails.
    pub(super) async fn new(access: &'a ManagedAccess, mut grant: Grant, doubted: bool) -> Result<Self, EnsureError> {
        let host = access.hosts.serving(&grant.name.host)?;
        let capabilities = access.hosts.capabilities(&host).await?;
        let client = access.hosts.client(&host);
        let mut keys = access.store.access_keys(&grant.name).await?;
        if grant.base_url != host.base_url.to_string() {
            // Ids of another host, or of the same one elsewhere: what is here is found by text.
            for key in &mut keys {
                key.remote_id = None;
            }
            grant.extending_from = None;
        }
        Ok(Self { access, host, client, capabilities, grant, keys, key: None, doubted })
    }

    /// Runs to the end: to a key, or to none when it is to be taken away.
    pub(super) async fn run(mut self) -> Result<Arc<ManagedKey>, EnsureError> {
        if self.grant.want == Want::Revoked {
            self.revoke().await?;
            return Err(revoked());
        }
        self.check_group().await?;
        let user = self.user().await?;
        self.subscription(&user).await?;
        self.obtain_key(&user).await?;
        let limited_until = self.check_key().await?;
        let key = self.finish().await?;
        self.access.limit(&key, limited_until);
        self.retire(Some(&user)).await;
        Ok(key)
    }

    fn now(&self) -> Timestamp {
        self.access.now()
    }

    fn group(&self) -> RemoteGroupId {
        RemoteGroupId(self.grant.name.group_id)
    }

    /// Writes the grant with what changed beside it, and goes on with it as it is recorded then.
    async fn save(&mut self, step: Step, keys: &[AccessKey], resources: &[Resource]) -> Result<(), EnsureError> {
        self.grant.step = step;
        self.grant.updated_at = self.now();
        let want = self.grant.want;
        self.grant = self.access.record(AccessChange { grant: &self.grant, keys, resources }).await?;
        for key in keys {
            self.keys.retain(|known| known.generation != key.generation);
            self.keys.push(key.clone());
        }
        self.keys.sort_by_key(|key| std::cmp::Reverse(key.generation));
        if self.grant.want == want { Ok(()) } else { Err(EnsureError::Overtaken) }
    }

    /// Puts the key into use, and what was in use before on its way out.
    async fn finish(&mut self) -> Result<Arc<ManagedKey>, EnsureError> {
        let now = self.now();
        let Some(mut key) = self.key.take() else {
            return Err(EnsureError::NotServed("no key was found".to_owned()));
        };
        key.state = KeyState::Live;
        key.retire_at = None;
        let mut changed = self.put_aside(key.generation, now);
        let is_outdated = |key: &AccessKey| key.state == KeyState::Retiring;
        self.grant.leaked &= changed.iter().chain(&self.keys).any(is_outdated);
        let is_new = self.keys.iter().all(|known| *known != key);
        if is_new {
            changed.push(key.clone());
        }
        let grant = &mut self.grant;
        grant.state = GrantState::Ready;
        grant.generation = key.generation;
        grant.wanted_generation = grant.wanted_generation.max(key.generation);
        grant.base_url = self.host.base_url.to_string();
        grant.extending_from = None;
        grant.failures = 0;
        grant.problem = None;
        self.grant.due_at = self.next_look(&changed, now);
        let resources = self.resources(&key);
        if is_new {
            self.tell_of_new(&key).await;
        }
        self.save(Step::Idle, &changed, &resources).await?;
        let shown = self.access.show(&self.grant, Some(&key));
        shown.ok_or_else(|| EnsureError::NotServed("no header can carry the key".to_owned()))
    }

    /// What is on a host now because of us is on record, whoever's request it was made for.
    async fn tell_of_new(&self, key: &AccessKey) {
        let Grant { name, user_id, subscription_id, subscription_made, .. } = &self.grant;
        let details = json!({
            "managed_user_id": user_id, "subscription_id": subscription_id, "subscription_made": subscription_made,
            "key_id": key.remote_id, "key_made": key.made, "generation": key.generation, "fingerprint": &*key.fingerprint,
        });
        let how = if key.made { "made" } else { "adopted" };
        let message = format!("access {name} has a new key: issue {} was {how}", key.generation);
        self.access.tell("access_granted", Severity::Info, name, message, details).await;
    }

    /// Every other issue that is not gone, now on its way out.
    fn put_aside(&self, generation: u32, now: Timestamp) -> Vec<AccessKey> {
        let overlap = SignedDuration::try_from(self.access.policy.overlap).unwrap_or(SignedDuration::MAX);
        let others = self.keys.iter().filter(|key| key.generation != generation);
        let others = others.filter(|key| match key.state {
            KeyState::Live | KeyState::Begun => true,
            KeyState::Retiring => self.grant.leaked,
            KeyState::Retired => false,
        });
        others
            .map(|key| {
                // What was begun and never used needs no time.
                let has_users = key.state == KeyState::Live && !self.grant.leaked;
                let at = if has_users { now.checked_add(overlap).unwrap_or(now) } else { now };
                AccessKey { state: KeyState::Retiring, retire_at: Some(at), ..key.clone() }
            })
            .collect()
    }

    fn resources(&self, key: &AccessKey) -> Vec<Resource> {
        let name = &self.grant.name;
        vec![
            (ResourceKind::User, name.user.to_string(), self.grant.user_id),
            (ResourceKind::Subscription, format!("{}/{}", name.user, name.group_id), self.grant.subscription_id),
            (ResourceKind::Key, self.key_resource(key.generation), key.remote_id),
        ]
    }

    fn key_resource(&self, generation: u32) -> String {
        let name = &self.grant.name;
        format!("{}/{}#{generation}", name.user, name.group_id)
    }

    /// When something is to be done next: a subscription to renew, an old key to delete.
    fn next_look(&self, changed: &[AccessKey], now: Timestamp) -> Option<Timestamp> {
        let policy = &self.access.policy;
        let renewal = self.grant.expires_at.map(|end| {
            // Up to a seventh of the time ahead earlier, so that what was made together is not renewed together.
            let ahead = policy.renew_ahead.mul_f64(1.0 + (self.access.jitter)() / 7.0);
            let ahead = SignedDuration::try_from(ahead).unwrap_or(SignedDuration::ZERO);
            // One that is not ours is looked at once when somebody should renew it, and at its end.
            let at = end.checked_sub(ahead).unwrap_or(now);
            if at > now { at } else { end.max(now) }
        });
        let of_keys = self.keys.iter().filter(|key| changed.iter().all(|other| other.generation != key.generation));
        let retiring = of_keys.chain(changed).filter(|key| key.state == KeyState::Retiring);
        retiring.filter_map(|key| key.retire_at).chain(renewal).min()
    }

    /// What look-ups give out is no longer good.
    fn lose_key(&self) {
        self.access.lose(&self.grant.name);
    }
}

/// What a grant is that was taken away.
pub(super) fn revoked() -> EnsureError {
    EnsureError::stuck(
        Why::Revoked,
        "revoked",
        "an operator took the access away",
        "`relay-manager access ensure` gives it back",
    )
}

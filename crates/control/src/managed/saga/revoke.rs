//! Taking access away: keys that we made are deleted, a subscription that carries
//! our tag is revoked. Users stay: they may serve other groups, and hosts cannot all delete one
//! without a trace.

use relay_hosts::admin::{RemoteSubscriptionId, RemoteUserId};
use relay_store::{AccessKey, GrantState, KeyState, ResourceKind, Step};

use super::{Resource, Saga};
use crate::managed::fault::EnsureError;
use crate::managed::sessions::HostUser;

impl Saga<'_> {
    pub(super) async fn revoke(&mut self) -> Result<(), EnsureError> {
        // First of all: no request gets a key that is about to be deleted, whoever asked for this.
        self.access.revoke_in_memory(&self.grant.name);
        self.save(Step::Revocation, &[], &[]).await?;
        let user = self.present_user().await?;
        let present: Vec<AccessKey> = self.keys.iter().filter(|key| key.state != KeyState::Retired).cloned().collect();
        let retired = match self.delete_keys(present.clone(), user.as_ref()).await {
            // Without its subscription no key is served; that somebody has to delete them takes nothing away.
            Err(EnsureError::Admin(error)) if error.barrier().is_some() && self.grant.subscription_made => {
                present.into_iter().map(|key| AccessKey { state: KeyState::Retired, secret: None, ..key }).collect()
            }
            outcome => outcome?,
        };
        if let Some(user) = &user {
            self.revoke_subscription(user.id).await?;
        }
        self.forget(&retired).await
    }

    /// The user, if it is still there; none is made for this.
    async fn present_user(&self) -> Result<Option<HostUser>, EnsureError> {
        let Some(id) = self.grant.user_id else { return Ok(None) };
        let user = self.client.user(RemoteUserId(id)).await?;
        Ok(user.map(|user| HostUser { id: user.id, ours: self.access.tag.is_on(&user.notes), email: user.email }))
    }

    async fn revoke_subscription(&self, user: RemoteUserId) -> Result<(), EnsureError> {
        let rows = self.client.user_subscriptions(user).await?;
        let ours = rows.iter().filter(|row| row.group_id == self.group() && self.access.tag.is_on(&row.notes));
        for row in ours {
            self.client.revoke(RemoteSubscriptionId(row.id.0)).await?;
        }
        Ok(())
    }

    async fn forget(&mut self, retired: &[AccessKey]) -> Result<(), EnsureError> {
        let name = &self.grant.name;
        let keys = retired.iter().map(|key| (ResourceKind::Key, self.key_resource(key.generation), None));
        let subscription = (ResourceKind::Subscription, format!("{}/{}", name.user, name.group_id), None);
        let gone: Vec<Resource> = keys.chain([subscription]).collect();
        let next = self.keys.iter().map(|key| key.generation + 1).max().unwrap_or(1);
        let grant = &mut self.grant;
        grant.state = GrantState::Revoked;
        grant.subscription_id = None;
        grant.subscription_made = false;
        grant.expires_at = None;
        grant.extending_from = None;
        // Its keys are gone, and on older hosts their texts are taken for ever.
        grant.generation = grant.generation.max(next);
        grant.wanted_generation = grant.wanted_generation.max(grant.generation);
        grant.leaked = false;
        grant.failures = 0;
        grant.problem = None;
        grant.due_at = None;
        self.save(Step::Idle, retired, &gone).await
    }
}

//! Old issues of a key are deleted on the host when their time has come. That it
//! fails takes nothing from the issue in use: it is noted and tried again.

use jiff::SignedDuration;
use relay_hosts::admin::RemoteKeyId;
use relay_store::{AccessKey, KeyState, ResourceKind, Severity, Step};
use serde_json::json;

use super::{Resource, Saga};
use crate::managed::fault::EnsureError;
use crate::managed::sessions::HostUser;

impl Saga<'_> {
    /// Deletes what is due.
    pub(super) async fn retire(mut self, user: Option<&HostUser>) {
        let Err(error) = self.try_to_retire(user).await else { return };
        tracing::warn!(%error, grant = %self.grant.name, "old keys were not deleted; it is tried again");
        let backoff = SignedDuration::try_from(self.access.policy.recheck).unwrap_or(SignedDuration::MAX);
        self.grant.problem = Some(error.problem());
        self.grant.due_at = self.now().checked_add(backoff).ok();
        if let Err(error) = self.save(Step::Retirement, &[], &[]).await {
            tracing::warn!(%error, grant = %self.grant.name, "the record of old keys was not written");
        }
    }

    async fn try_to_retire(&mut self, user: Option<&HostUser>) -> Result<(), EnsureError> {
        let now = self.now();
        let is_due = |key: &&AccessKey| {
            key.state == KeyState::Retiring && key.retire_at.is_none_or(|retire_at| retire_at <= now)
        };
        let due: Vec<AccessKey> = self.keys.iter().filter(is_due).cloned().collect();
        if due.is_empty() {
            return Ok(());
        }
        self.save(Step::Retirement, &[], &[]).await?;
        let retired = self.delete_keys(due, user).await?;
        let gone: Vec<Resource> =
            retired.iter().map(|key| (ResourceKind::Key, self.key_resource(key.generation), None)).collect();
        self.grant.leaked &= self.keys.iter().filter(|key| key.state == KeyState::Retiring).count() > retired.len();
        self.grant.due_at = self.next_look(&retired, now);
        self.save(Step::Idle, &retired, &gone).await
    }

    /// Deletes keys that we made; those that were made by hand are only no longer ours to use.
    pub(super) async fn delete_keys(
        &mut self,
        keys: Vec<AccessKey>,
        user: Option<&HostUser>,
    ) -> Result<Vec<AccessKey>, EnsureError> {
        let mut retired = Vec::with_capacity(keys.len());
        for key in keys {
            match user.filter(|user| key.made && user.ours) {
                Some(user) => self.delete(&key, user).await?,
                None if !key.made => self.tell_of_adopted(&key).await,
                None => {}
            }
            retired.push(AccessKey { state: KeyState::Retired, secret: None, ..key });
        }
        Ok(retired)
    }

    async fn delete(&mut self, key: &AccessKey, user: &HostUser) -> Result<(), EnsureError> {
        let id = if let Some(id) = key.remote_id {
            Some(RemoteKeyId(id))
        } else {
            // Begun, and never heard of again: it is there if it was made.
            let on_host = self.client.user_keys(user.id).await?;
            on_host.into_iter().find(|row| row.key.is_some() && row.key == key.secret).map(|row| row.id)
        };
        if let Some(id) = id {
            self.log_in(user).await?.delete_key(id).await?;
        }
        Ok(())
    }

    async fn tell_of_adopted(&self, key: &AccessKey) {
        let id = key.remote_id.map(|id| id.to_string()).unwrap_or_default();
        let message = format!("key {id} was made by hand and is no longer used: delete it in the host's panel");
        let details = json!({ "key_id": key.remote_id, "fingerprint": &*key.fingerprint });
        self.access.tell("key_to_delete", Severity::Warning, &self.grant.name, message, details).await;
    }
}

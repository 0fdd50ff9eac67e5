//! How many keys a user may have. No known version of a host limits that; forks do, and so can an operator
//! (`managed.keys_per_user`). A user that is full gets none: a key of the group that is there is used, and otherwise
//! somebody is told what is full, instead of asking again and again.

use relay_hosts::admin::HostKey;
use relay_hosts::managed::Why;
use relay_store::{AccessKey, KeyState, Step};

use super::Saga;
use crate::managed::fault::EnsureError;
use crate::managed::sessions::HostUser;

/// A user that may have no more keys.
pub(super) struct Full {
    /// Those that it has.
    pub(super) keys: Vec<HostKey>,
    /// Who says so, in words.
    pub(super) by: String,
}

impl Saga<'_> {
    /// Whether the user may have one key more, as far as that is known before it is asked for. Without a limit of ours
    /// nobody is asked: a list of keys for each grant would cost a fleet an hour.
    pub(super) async fn room_for_a_key(&mut self, user: &HostUser) -> Result<Option<Full>, EnsureError> {
        let Some(most) = self.access.policy.keys_per_user else { return Ok(None) };
        let most = most.get() as usize;
        let mut keys = self.client.user_keys(user.id).await?;
        if keys.len() >= most && self.delete_outdated(user).await? {
            keys = self.client.user_keys(user.id).await?;
        }
        let by = format!("managed.keys_per_user is {most}");
        Ok((keys.len() >= most).then_some(Full { keys, by }))
    }

    /// Uses a key of the group that the full user has, ours of an earlier run before another; else tells what is full,
    /// and what to do.
    pub(super) async fn reuse(&mut self, user: &HostUser, begun: AccessKey, full: &Full) -> Result<bool, EnsureError> {
        if self.take_if_there(begun, &full.keys) || self.adopt_from(&full.keys) {
            return Ok(true);
        }
        // What was deleted just now makes room for the next run, which is not far off.
        if self.delete_outdated(user).await? {
            return Err(EnsureError::NotServed("old keys were deleted to make room for one more".to_owned()));
        }
        let (host, count) = (&self.host.id, full.keys.len());
        let message = format!(
            "user {} ({}) of host \"{host}\" has {count} keys and may have no more: {}",
            user.id, user.email, full.by
        );
        let remedy = "raise the limit on the host or managed.keys_per_user, delete keys of this user that nobody needs, \
                      or give some consumer keys another subscription_user; it is tried again";
        Err(EnsureError::stuck(Why::Key, "keys_full", message, remedy))
    }

    /// Deletes issues whose time is over, and with leaked ones those in use as well: nobody may go on with them.
    async fn delete_outdated(&mut self, user: &HostUser) -> Result<bool, EnsureError> {
        let now = self.now();
        let is_outdated = |key: &&AccessKey| match key.state {
            KeyState::Retiring => self.grant.leaked || key.retire_at.is_none_or(|at| at <= now),
            KeyState::Live => self.grant.leaked && key.generation < self.grant.wanted_generation,
            KeyState::Begun | KeyState::Retired => false,
        };
        let outdated: Vec<AccessKey> = self.keys.iter().filter(is_outdated).cloned().collect();
        if outdated.is_empty() {
            return Ok(false);
        }
        if outdated.iter().any(|key| key.state == KeyState::Live) {
            self.lose_key();
        }
        self.save(Step::Retirement, &[], &[]).await?;
        let retired = self.delete_keys(outdated, Some(user)).await?;
        self.save(Step::Key, &retired, &[]).await?;
        Ok(true)
    }
}

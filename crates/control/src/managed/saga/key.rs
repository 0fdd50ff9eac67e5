//! The key: the one in use, an earlier run's, a new one, or one that was made by
//! hand (sub2api-host-api.md §2.4, §3.3).
//!
//! No version lets an administrator make a key for a user, so we log in as the user
//! that we made. Its text is derived: made twice it is the same key, and the host says
//! that it exists. Older hosts keep the text of a deleted key taken for ever, so an issue
//! that is taken and that nobody has is given up for the next.

use relay_domain::Secret;
use relay_hosts::admin::{AdminError, CustomKey, HostKey, NewKey, RemoteKeyId, codes};
use relay_hosts::endpoint::fingerprint;
use relay_hosts::managed::Why;
use relay_store::{AccessKey, KeyState, Severity, Step};
use serde_json::json;

use super::Saga;
use super::room::Full;
use crate::managed::fault::EnsureError;
use crate::managed::mark;
use crate::managed::sessions::HostUser;

/// Issues given up in one run: hosts count custom keys that are taken, and take 20 an hour.
const MOST_GIVEN_UP: u32 = 5;

/// What the host has of an issue.
enum Found {
    /// The key, good to be used.
    Good(RemoteKeyId),
    /// The key, and it is not served: switched off, bound elsewhere, past its end.
    Unusable,
    /// No such key of this user.
    Nowhere,
}

impl Saga<'_> {
    /// Finds or makes the issue that is wanted.
    pub(super) async fn obtain_key(&mut self, user: &HostUser) -> Result<(), EnsureError> {
        let on_host = if self.keys.is_empty() { Vec::new() } else { self.client.user_keys(user.id).await? };
        if self.grant.wanted_generation <= self.grant.generation && self.keeps_present(&on_host).await {
            return Ok(());
        }
        for _ in 0..MOST_GIVEN_UP {
            let generation = self.grant.wanted_generation.max(self.grant.generation);
            let known = self.keys.iter().find(|key| key.generation == generation).cloned();
            let begun = match known {
                Some(begun) if begun.state == KeyState::Begun => match self.find(&begun, &on_host) {
                    Found::Good(id) => {
                        self.hold(begun, id);
                        return Ok(());
                    }
                    Found::Nowhere => begun,
                    Found::Unusable => {
                        self.give_up(begun).await?;
                        continue;
                    }
                },
                Some(_) => {
                    self.grant.wanted_generation = generation + 1;
                    continue;
                }
                None if !user.ours => return self.adopt(user, "the user was not made by Relay Manager").await,
                None => self.begin(generation).await?,
            };
            if self.make_key(user, begun).await? {
                return Ok(());
            }
        }
        Err(EnsureError::stuck(
            Why::Key,
            "keys_taken",
            format!("host \"{}\" says of {MOST_GIVEN_UP} new keys that they exist, and nobody has them", self.host.id),
            "see whether somebody deletes keys of this user on the host; the next ones are tried later",
        ))
    }

    /// Whether the issue in use is still there and good; then it stays.
    async fn keeps_present(&mut self, on_host: &[HostKey]) -> bool {
        let generation = self.grant.generation;
        let live = self.keys.iter().find(|key| key.generation == generation && key.state == KeyState::Live);
        let Some(live) = live.cloned() else { return false };
        if let Found::Good(id) = self.find(&live, on_host) {
            self.key = Some(AccessKey { remote_id: Some(id.0), ..live });
            return true;
        }
        self.lose_key();
        self.grant.wanted_generation = generation + 1;
        let message = "the key in use is gone from the host, switched off or bound elsewhere; another one is obtained";
        let details = json!({ "generation": generation, "fingerprint": &*live.fingerprint });
        self.access.tell("key_lost", Severity::Warning, &self.grant.name, message.to_owned(), details).await;
        false
    }

    fn find(&self, key: &AccessKey, on_host: &[HostKey]) -> Found {
        let same = |row: &&HostKey| match &key.secret {
            Some(secret) => row.key.as_ref() == Some(secret),
            None => Some(row.id.0) == key.remote_id,
        };
        match on_host.iter().find(same) {
            Some(row) if self.is_good(row) => Found::Good(row.id),
            Some(_) => Found::Unusable,
            None => Found::Nowhere,
        }
    }

    fn is_good(&self, row: &HostKey) -> bool {
        row.group_id == Some(self.group()) && row.is_usable_at(self.now())
    }

    /// Whether the host has an issue, good to be used; then it is the one.
    pub(super) fn take_if_there(&mut self, begun: AccessKey, on_host: &[HostKey]) -> bool {
        let Found::Good(id) = self.find(&begun, on_host) else { return false };
        self.hold(begun, id);
        true
    }

    /// Takes an issue that is there for the one to be used.
    fn hold(&mut self, key: AccessKey, id: RemoteKeyId) {
        self.key = Some(AccessKey { remote_id: Some(id.0), ..key });
    }

    /// Writes down the issue that is about to be made.
    async fn begin(&mut self, generation: u32) -> Result<AccessKey, EnsureError> {
        let custom = self.custom_key(generation)?;
        let key = AccessKey {
            generation,
            state: KeyState::Begun,
            made: true,
            remote_id: None,
            secret: Some(custom.secret().clone()),
            fingerprint: fingerprint(custom.secret()),
            begun_at: self.now(),
            retire_at: None,
        };
        self.grant.wanted_generation = self.grant.wanted_generation.max(generation);
        self.save(Step::Key, std::slice::from_ref(&key), &[]).await?;
        Ok(key)
    }

    fn custom_key(&self, generation: u32) -> Result<CustomKey, EnsureError> {
        let derived = mark::derived_key(&self.access.keyring, &self.grant.name, generation);
        derived.map_err(|error| {
            EnsureError::stuck(
                Why::Key,
                "derivation",
                format!("no key can be derived: {error}"),
                "report this as a bug",
            )
        })
    }

    /// Makes a begun issue; false when its text is taken for ever, and the next one is to be made.
    async fn make_key(&mut self, user: &HostUser, begun: AccessKey) -> Result<bool, EnsureError> {
        let Some(secret) = begun.secret.clone() else {
            self.give_up(begun).await?;
            return Ok(false);
        };
        if let Some(full) = self.room_for_a_key(user).await? {
            return self.reuse(user, begun, &full).await;
        }
        let login = match self.log_in(user).await {
            Ok(login) => login,
            Err(EnsureError::Admin(error)) => return self.or_adopt(user, error).await,
            Err(error) => return Err(error),
        };
        let custom = CustomKey::new(&secret)
            .map_err(|_| AdminError::Unsendable("a derived key has a form that hosts do not take"))?;
        let new = NewKey {
            name: self.access.tag.key_name(begun.generation),
            group: Some(self.group()),
            custom_key: Some(custom),
        };
        match login.create_key(&new, None).await {
            Ok(made) => {
                self.hold(begun, made.id);
                Ok(true)
            }
            Err(error) if error.code() == Some(codes::API_KEY_EXISTS) => {
                let on_host = self.client.user_keys(user.id).await?;
                match self.find(&begun, &on_host) {
                    Found::Good(id) => {
                        self.hold(begun, id);
                        Ok(true)
                    }
                    Found::Unusable | Found::Nowhere => self.give_up(begun).await.map(|()| false),
                }
            }
            Err(error) if error.is_of_key_number() => {
                let full = Full { keys: self.client.user_keys(user.id).await?, by: error.to_string() };
                self.reuse(user, begun, &full).await
            }
            Err(error) => self.or_adopt(user, error).await,
        }
    }

    /// Leaves an issue for the next. What there is of it on the host is deleted with the retired ones.
    async fn give_up(&mut self, key: AccessKey) -> Result<(), EnsureError> {
        self.grant.wanted_generation = self.grant.wanted_generation.max(key.generation + 1);
        let given_up = AccessKey { state: KeyState::Retiring, retire_at: Some(self.now()), ..key };
        self.save(Step::Key, &[given_up], &[]).await
    }

    /// When the host lets no user make keys: one that was made by hand.
    async fn or_adopt(&mut self, user: &HostUser, error: AdminError) -> Result<bool, EnsureError> {
        self.access.hosts.note(&self.host.id, &error);
        if error.barrier().is_none() {
            return Err(error.into());
        }
        self.access.hosts.learn(&self.host.id, |capabilities| capabilities.learn_self_service(&error)).await;
        self.adopt(user, &error.to_string()).await.map(|()| true)
    }

    /// Takes a key of the group that somebody made by hand. It is used, and never changed.
    async fn adopt(&mut self, user: &HostUser, because: &str) -> Result<(), EnsureError> {
        let on_host = self.client.user_keys(user.id).await?;
        if self.adopt_from(&on_host) { Ok(()) } else { Err(self.nothing_to_adopt(user, because)) }
    }

    /// Whether one of these could be adopted; then it is.
    pub(super) fn adopt_from(&mut self, on_host: &[HostKey]) -> bool {
        let used = |row: &HostKey| {
            self.keys.iter().any(|key| {
                key.generation < self.grant.wanted_generation
                    && row.key.as_ref().is_some_and(|secret| *fingerprint(secret) == *key.fingerprint)
            })
        };
        let good = on_host.iter().filter(|row| self.is_good(row) && !used(row)).min_by_key(|row| row.id);
        let Some((id, secret)) = good.and_then(|row| Some((row.id, row.key.clone()?))) else { return false };
        self.hold(self.adopted(secret), id);
        true
    }

    fn adopted(&self, secret: Secret) -> AccessKey {
        AccessKey {
            generation: self.grant.wanted_generation.max(self.grant.generation),
            state: KeyState::Live,
            made: false,
            remote_id: None,
            fingerprint: fingerprint(&secret),
            secret: Some(secret),
            begun_at: self.now(),
            retire_at: None,
        }
    }

    fn nothing_to_adopt(&self, user: &HostUser, because: &str) -> EnsureError {
        let (host, group) = (&self.host.id, self.grant.name.group_id);
        let is_rotation = self.keys.iter().any(|key| key.state == KeyState::Live);
        let message = format!(
            "a key of user {} ({}) for group {group} of host \"{host}\" has to be made by hand: {because}",
            user.id, user.email
        );
        let more = if is_rotation { ", then delete the old one" } else { "" };
        let remedy =
            format!("make one in the host's panel, bound to that group{more}; it is found and used from then on");
        EnsureError::stuck(Why::Key, "key_by_hand", message, remedy)
    }
}

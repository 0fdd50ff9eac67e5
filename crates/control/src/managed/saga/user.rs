//! The user: looked up by id or address, or made (sub2api-host-api.md §2.2).
//!
//! Hosts have no exact look-up, can hold two spellings of one address, and older ones keep the
//! address of a deleted user taken for ever. Users without our tag are used as they are and
//! never changed.

use jiff::SignedDuration;
use relay_hosts::admin::{AdminError, NewUser, RemoteUserId, User, UserChanges, UserClient, UserStatus, codes};
use relay_hosts::managed::Why;
use relay_store::{AccessUser, ResourceKind, Step};

use super::Saga;
use crate::managed::fault::EnsureError;
use crate::managed::mark;
use crate::managed::sessions::{HostUser, Session};

impl Saga<'_> {
    /// The user, looked up or made. One job at a time does this for a user.
    pub(super) async fn user(&mut self) -> Result<HostUser, EnsureError> {
        let now = self.now();
        let session = self.access.sessions.of(&self.grant.name.host, &self.grant.name.user, now);
        let mut session = session.lock().await;
        let fresh = SignedDuration::try_from(self.access.policy.freshness).unwrap_or(SignedDuration::ZERO);
        let is_fresh = session.seen_at.is_some_and(|at| now.duration_since(at) < fresh);
        let user = match session.user.clone().filter(|_| is_fresh && !self.doubted) {
            Some(user) => user,
            None => self.look_up_or_make(&mut session).await?,
        };
        if user.ours {
            self.renew_password(&user, &mut session).await?;
        }
        self.grant.user_id = Some(user.id.0);
        Ok(user)
    }

    async fn look_up_or_make(&mut self, session: &mut Session) -> Result<HostUser, EnsureError> {
        session.user = None;
        let found = match self.look_up().await? {
            Some(found) => found,
            None => self.make_user().await?,
        };
        if found.status != UserStatus::Active {
            self.lose_key();
            return Err(EnsureError::stuck(
                Why::User,
                "user_disabled",
                format!("user {} of host \"{}\" is switched off", found.id, self.host.id),
                "switch the user on in the host's panel, or name another subscription_user",
            ));
        }
        let user = HostUser { id: found.id, ours: self.access.tag.is_on(&found.notes), email: found.email };
        session.user = Some(user.clone());
        session.seen_at = Some(self.now());
        Ok(user)
    }

    async fn look_up(&self) -> Result<Option<User>, EnsureError> {
        let selector = &*self.grant.name.user;
        if selector.bytes().all(|byte| byte.is_ascii_digit()) {
            let id = selector.parse().map(RemoteUserId).map_err(|_| self.no_user())?;
            return self.client.user(id).await?.map(Some).ok_or_else(|| self.no_user());
        }
        if !selector.contains('@') {
            return Err(EnsureError::stuck(
                Why::User,
                "user_selector",
                format!("subscription user \"{selector}\" is neither an e-mail address nor a host's id of a user"),
                "correct subscription_user",
            ));
        }
        if let Some(user) = self.recorded(selector).await? {
            return Ok(Some(user));
        }
        let mut found = self.client.find_users_by_email(selector).await?;
        if found.len() > 1 && found.iter().filter(|user| self.access.tag.is_on(&user.notes)).count() == 1 {
            found.retain(|user| self.access.tag.is_on(&user.notes));
        }
        match found.len() {
            0 | 1 => Ok(found.pop()),
            several => Err(EnsureError::stuck(
                Why::User,
                "user_ambiguous",
                format!("host \"{}\" has {several} users with the address {selector}", self.host.id),
                "name the user by its id on the host, or record a managed resource of type user",
            )),
        }
    }

    /// The user that is on record for the address: ours from an earlier run, or named by an operator.
    async fn recorded(&self, selector: &str) -> Result<Option<User>, EnsureError> {
        let known = self.access.store.managed_resource(&self.host.id, ResourceKind::User, selector).await?;
        let Some(id) = known.and_then(|known| known.remote_id.parse().ok()) else { return Ok(None) };
        // One that is gone or was given another address is looked for anew.
        let user = self.client.user(RemoteUserId(id)).await?;
        Ok(user.filter(|user| user.email.trim().eq_ignore_ascii_case(selector.trim())))
    }

    fn no_user(&self) -> EnsureError {
        EnsureError::stuck(
            Why::User,
            "user_missing",
            format!("host \"{}\" has no user {}", self.host.id, self.grant.name.user),
            "correct subscription_user; with an e-mail address Relay Manager makes the user",
        )
    }

    /// Makes the user. Its password is on record before the host has it.
    async fn make_user(&mut self) -> Result<User, EnsureError> {
        let email = self.grant.name.user.to_string();
        let record = self.user_record(true).await?;
        self.access.store.put_access_user(&record).await?;
        self.save(Step::User, &[], &[]).await?;
        let user = NewUser {
            email: email.clone(),
            password: record.password,
            username: String::new(),
            notes: self.access.tag.as_str().to_owned(),
            concurrency: self.access.policy.user_concurrency,
        };
        match self.client.create_user(&user).await {
            // The answer does not show notes on every version; what we wrote is there.
            Ok(made) => Ok(User { notes: user.notes, status: UserStatus::Active, ..made }),
            Err(error) if error.code() == Some(codes::EMAIL_EXISTS) => {
                let found = self.client.find_users_by_email(&email).await?.into_iter().next();
                found.ok_or_else(|| {
                    EnsureError::stuck(
                        Why::User,
                        "user_deleted",
                        format!("the address {email} belongs to a deleted user of host \"{}\"", self.host.id),
                        "name another subscription_user: this version of the host never frees the address",
                    )
                })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What is on record of the user's password; derived when nothing is. `set`: whether a host that has the
    /// user has it too, when nothing is on record.
    async fn user_record(&self, set: bool) -> Result<AccessUser, EnsureError> {
        let name = &self.grant.name;
        if let Some(record) = self.access.store.access_user(&name.host, &name.user).await? {
            return Ok(record);
        }
        Ok(AccessUser {
            host: name.host.clone(),
            user: name.user.clone(),
            password: mark::derived_password(&self.access.keyring, name, 1),
            password_generation: 1,
            wanted_password_generation: 1,
            password_set: set,
            updated_at: self.now(),
        })
    }

    /// Gives the user the password that is wanted, when that is another than it has.
    async fn renew_password(&mut self, user: &HostUser, session: &mut Session) -> Result<(), EnsureError> {
        let mut record = self.user_record(true).await?;
        if record.wanted_password_generation > record.password_generation {
            record.password_generation = record.wanted_password_generation;
            record.password =
                mark::derived_password(&self.access.keyring, &self.grant.name, record.password_generation);
            record.password_set = false;
            self.access.store.put_access_user(&record).await?;
        }
        if record.password_set {
            return Ok(());
        }
        session.login = None;
        self.set_password(user, &mut record).await
    }

    async fn set_password(&mut self, user: &HostUser, record: &mut AccessUser) -> Result<(), EnsureError> {
        let changes = UserChanges { password: Some(record.password.clone()), ..UserChanges::default() };
        self.client.update_user(user.id, &changes).await?;
        record.password_set = true;
        record.updated_at = self.now();
        self.access.store.put_access_user(record).await?;
        Ok(())
    }

    /// The user's log-in. A password that somebody changed is set back: the user is ours.
    pub(super) async fn log_in(&mut self, user: &HostUser) -> Result<UserClient, EnsureError> {
        let session = self.access.sessions.of(&self.grant.name.host, &self.grant.name.user, self.now());
        let mut session = session.lock().await;
        if let Some(login) = &session.login {
            return Ok(login.clone());
        }
        let mut record = self.user_record(true).await?;
        let login = match self.client.log_in_as(&user.email, &record.password).await {
            Err(error) if is_wrong_password(&error) => {
                record.password_set = false;
                self.access.store.put_access_user(&record).await?;
                self.set_password(user, &mut record).await?;
                self.client.log_in_as(&user.email, &record.password).await?
            }
            outcome => outcome?,
        };
        session.login = Some(login.clone());
        Ok(login)
    }
}

fn is_wrong_password(error: &AdminError) -> bool {
    matches!(error, AdminError::Credential(_)) && error.code() == Some(codes::INVALID_CREDENTIALS)
}

//! What operators ask of managed access: give it, show it, take it away, exchange its
//! keys. What is asked for is on record before this answers, and the worker works it off.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use relay_domain::{CredentialMode, HostId};
use relay_hosts::admin::AdminError;
use relay_hosts::managed::{Refused, Unobtainable, Wanted, Why};
use relay_store::{Event, GrantCounts, GrantFilter, GrantName, Severity, StoreError};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::flights::Asked;
use super::groups::GroupError;
use super::table::{Entry, State};
use super::view::GrantView;
use super::{EnsureError, ManagedAccess};
use crate::Control;
use crate::expected::{Expected, Outdated};
use crate::page::{Page, PageRequest, QueryError};

/// What an operator asked for cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// There is no such host.
    #[error("there is no host \"{0}\"")]
    UnknownHost(String),
    /// There is no such grant.
    #[error("there is no access of user \"{user}\" to group {group} on host \"{host}\"")]
    UnknownGrant {
        /// The host.
        host: String,
        /// The subscription user.
        user: String,
        /// The group, as it was asked for.
        group: String,
    },
    /// It has changed since it was read.
    #[error(transparent)]
    Outdated(#[from] Outdated),
    /// It cannot be told which group is meant.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// The host's API or the record failed.
    #[error(transparent)]
    Ensure(#[from] EnsureError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AccessError {
    /// Whether the host lets nobody into its admin API, because no credentials for it are configured.
    pub fn is_without_access(&self) -> bool {
        matches!(
            self,
            Self::Group(GroupError::NoAccess { .. } | GroupError::Admin { error: AdminError::NoAccess, .. })
                | Self::Ensure(EnsureError::Admin(AdminError::NoAccess))
        )
    }
}

/// A fleet's grants were asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AskedFor {
    /// Grants that the fleet needs.
    pub wanted: usize,
    /// How many of them were not on record before.
    pub new: u64,
    /// Groups that cannot be told, in words.
    pub faults: Vec<String>,
}

/// New keys were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Rotation {
    /// For so many grants.
    pub grants: u64,
    /// Whether the old ones get no overlap.
    pub leaked: bool,
}

impl ManagedAccess {
    /// What operators see of a grant.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn grant_view(&self, name: &GrantName) -> Result<Option<GrantView>, StoreError> {
        let Some(grant) = self.store.grant(name).await? else { return Ok(None) };
        let keys = self.store.access_keys(name).await?.into_iter().map(Into::into).collect();
        let usage = self.store.usage_of(name).await?;
        let usage = usage.map(|usage| json!({ "observed_at": usage.observed_at, "quota": usage.document }));
        Ok(Some(GrantView { keys: Some(keys), usage, ..GrantView::from(grant) }))
    }

    /// Puts on record what happened to a grant.
    pub(super) async fn tell(&self, kind: &str, severity: Severity, name: &GrantName, message: String, details: Value) {
        let subject = format!("{}/{}", name.user, name.group_id);
        let host = Some(name.host.clone());
        let event = Event { id: 0, at: self.now(), kind: kind.to_owned(), severity, host, subject, message, details };
        if let Err(error) = self.store.record_events(&[event]).await {
            tracing::warn!(%error, grant = %name, "an event was not recorded");
        }
    }

    /// Forgets that a grant was refused, so that it is tried again.
    fn forgive(&self, name: &GrantName) {
        self.table.update(name, |entry| match entry {
            Some(Entry { state: State::Refused(_), .. }) => (None, ()),
            entry => (entry, ()),
        });
    }

    /// Something was asked for and is on record: the worker looks, and so does whoever waits for a change.
    fn asked(&self) {
        self.note_change();
        self.wake.notify_one();
    }

    pub(super) fn revoke_in_memory(&self, name: &GrantName) {
        self.table.put(name, State::Refused(Refused { why: Why::Revoked, until: None }));
    }
}

impl Control {
    /// Grants by filter, oldest record first.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn grants(
        &self,
        filter: &GrantFilter,
        request: &PageRequest<i64>,
    ) -> Result<Page<GrantView>, QueryError> {
        let found = self.parts.store.grants(filter, request.cursor, request.read_limit()).await?;
        Ok(Page::of(found, request.limit, |grant| grant.id.to_string()).map(Into::into))
    }

    /// How many grants are in which state, and the number of the change up to which that is so. With the number of an
    /// earlier answer it first waits for another change, at most `limit`; other processes' changes are not heard of.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn grant_counts(
        &self,
        filter: &GrantFilter,
        changed_since: Option<u64>,
        limit: Duration,
    ) -> Result<(u64, GrantCounts), StoreError> {
        let mut changes = self.parts.managed.changes();
        if let Some(seen) = changed_since {
            // Running out of time is an answer like any other.
            let _ = tokio::time::timeout(limit, changes.wait_for(|change| *change != seen)).await;
        }
        // The number first: a change between the two is told again rather than missed.
        let change = *changes.borrow_and_update();
        Ok((change, self.parts.store.grant_counts(filter).await?))
    }

    /// Obtains access now: asks for it, also when it was taken away or refused before, and waits at most
    /// `limit`. The answer says how far it is; it is worked on until it is there.
    ///
    /// # Errors
    /// When it cannot even be asked for. Dropping the future stops nothing.
    pub async fn ensure_access(
        &self,
        (host, user, group): (&str, &str, &str),
        expected: &Expected,
        limit: Duration,
        actor: &str,
    ) -> Result<GrantView, AccessError> {
        let name = self.grant_name(host, user, group).await?;
        let managed = &self.parts.managed;
        let asking = self.publishing.lock().await;
        let before = managed.grant_view(&name).await?;
        match &before {
            Some(known) => expected.check("access", self.version_of(known))?,
            // Whoever has seen a version has seen another grant.
            None if !expected.admits("") => return Err(unknown(host, user, group)),
            None => {}
        }
        self.parts.store.ask_for_grants(std::slice::from_ref(&name), true, self.now()).await?;
        drop(asking);
        managed.forgive(&name);
        self.audit_access(&name, before.as_ref(), "access.ensure", format!("asked for access {name}"), actor).await?;
        let group_id = name.group_id.to_string();
        let asked = Asked::of(Wanted { host: &name.host, user, group: &group_id });
        match managed.fly(&asked, limit).await {
            Ok(_) | Err(Unobtainable::Refused(_) | Unobtainable::NotInTime | Unobtainable::ShuttingDown) => {}
        }
        let view = managed.grant_view(&name).await?;
        view.ok_or_else(|| unknown(host, user, group))
    }

    /// Puts on record what was asked of a grant; how it went, its steps tell.
    async fn audit_access(
        &self,
        name: &GrantName,
        before: Option<&GrantView>,
        action: &str,
        summary: String,
        actor: &str,
    ) -> Result<(), AccessError> {
        let after = self.parts.managed.grant_view(name).await?;
        let details = json!({
            "host_id": name.host.as_str(), "subscription_user": name.user, "group_id": name.group_id,
            "before": before, "after": after,
        });
        self.audit_about(&[format!("host:{}", name.host)], actor, action, summary, details).await?;
        Ok(())
    }

    /// Asks for every grant that the fleet's managed routes need, on one host or on all. What was
    /// taken away stays so.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn ensure_fleet(&self, host: Option<&HostId>, actor: &str) -> Result<AskedFor, AccessError> {
        let (names, faults) = self.wanted_grants(host).await?;
        let new = self.parts.store.ask_for_grants(&names, false, self.now()).await?;
        let details = json!({ "host_id": host.map(HostId::as_str), "wanted": names.len(), "new": new });
        let subjects: Vec<String> = host.map(|host| format!("host:{host}")).into_iter().collect();
        self.audit_about(&subjects, actor, "access.ensure_fleet", format!("asked for {} grants", names.len()), details)
            .await?;
        self.parts.managed.asked();
        Ok(AskedFor { wanted: names.len(), new, faults })
    }

    /// The grants that the fleet in force needs, and what cannot be told.
    async fn wanted_grants(&self, host: Option<&HostId>) -> Result<(Vec<GrantName>, Vec<String>), StoreError> {
        let in_force = self.in_force.load_full();
        let mut wanted: BTreeSet<(HostId, Arc<str>, String)> = BTreeSet::new();
        for key in in_force.fleet.keys.iter().filter(|key| key.enabled) {
            let Some(user) = &key.subscription_user else { continue };
            let routes = in_force.fleet.routes.iter().filter(|route| {
                route.credential == CredentialMode::Managed && route.enabled && key.groups.contains(&route.group)
            });
            for route in routes.filter(|route| host.is_none_or(|host| route.host == *host)) {
                wanted.insert((route.host.clone(), user.as_str().into(), route.shadow_group.clone()));
            }
        }
        let (mut names, mut faults) = (BTreeSet::new(), BTreeSet::new());
        for (host, user, group) in wanted {
            match self.group_number(&host, &group).await {
                Ok(group_id) => {
                    names.insert(GrantName { host, user, group_id });
                }
                Err(EnsureError::Store(error)) => return Err(error),
                Err(error) => {
                    faults.insert(format!("host \"{host}\", group \"{group}\": {error}"));
                }
            }
        }
        Ok((names.into_iter().collect(), faults.into_iter().collect()))
    }

    async fn group_number(&self, host: &HostId, group: &str) -> Result<i64, EnsureError> {
        match group.parse() {
            Ok(id) => Ok(id),
            Err(_) => self.parts.managed.group_id(host, group).await,
        }
    }

    /// A grant with the issues of its key.
    ///
    /// # Errors
    /// [`AccessError::UnknownGrant`] when there is none.
    pub async fn show_access(&self, host: &str, user: &str, group: &str) -> Result<GrantView, AccessError> {
        let name = self.grant_name(host, user, group).await?;
        let view = self.parts.managed.grant_view(&name).await?;
        view.ok_or_else(|| unknown(host, user, group))
    }

    /// Takes access away: no request gets the key from now on; the key is deleted on the host and the
    /// subscription, if it is ours, revoked, within `limit` or later.
    ///
    /// # Errors
    /// [`AccessError::UnknownGrant`] when there is none. Dropping the future stops nothing.
    pub async fn revoke_access(
        &self,
        (host, user, group): (&str, &str, &str),
        expected: &Expected,
        limit: Duration,
        actor: &str,
    ) -> Result<GrantView, AccessError> {
        let name = self.grant_name(host, user, group).await?;
        let filter = GrantFilter {
            host: Some(name.host.clone()),
            user: Some(user.to_owned()),
            group_id: Some(name.group_id),
            state: None,
        };
        let managed = &self.parts.managed;
        let asking = self.publishing.lock().await;
        let known = managed.grant_view(&name).await?.ok_or_else(|| unknown(host, user, group))?;
        expected.check("access", self.version_of(&known))?;
        self.parts.store.ask_for_revocation(&filter, self.now()).await?;
        drop(asking);
        managed.revoke_in_memory(&name);
        self.audit_access(&name, Some(&known), "access.revoke", format!("took access {name} away"), actor).await?;
        let group_id = name.group_id.to_string();
        let asked = Asked::of(Wanted { host: &name.host, user, group: &group_id });
        // Its end is an error to whoever wants a key; here the record says how it went.
        let _ = managed.fly(&asked, limit).await;
        let view = managed.grant_view(&name).await?;
        view.ok_or_else(|| unknown(host, user, group))
    }

    /// Asks for new keys. Without `leaked` old ones go on for the overlap; with it they are deleted as
    /// soon as each new one is there, and users that Relay Manager made get new passwords.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn rotate_access(
        &self,
        filter: &GrantFilter,
        leaked: bool,
        actor: &str,
    ) -> Result<Rotation, AccessError> {
        if let Some(host) = &filter.host
            && self.parts.managed.hosts().host(host).is_none()
        {
            return Err(AccessError::UnknownHost(host.to_string()));
        }
        let grants = self.parts.store.ask_for_rotation(filter, leaked, self.now()).await?;
        let details = json!({
            "host_id": filter.host.as_ref().map(HostId::as_str), "subscription_user": filter.user,
            "group_id": filter.group_id, "leaked": leaked, "grants": grants,
        });
        self.audit(actor, "access.rotate", format!("asked for new keys of {grants} grants"), details).await?;
        self.parts.managed.asked();
        Ok(Rotation { grants, leaked })
    }

    /// The grant that is meant; the host need not be in the fleet any more.
    async fn grant_name(&self, host: &str, user: &str, group: &str) -> Result<GrantName, AccessError> {
        let host_id = HostId::new(host).map_err(|_| AccessError::UnknownHost(host.to_owned()))?;
        let group_id = self.group_number(&host_id, group).await?;
        Ok(GrantName { host: host_id, user: user.into(), group_id })
    }
}

fn unknown(host: &str, user: &str, group: &str) -> AccessError {
    AccessError::UnknownGrant { host: host.to_owned(), user: user.to_owned(), group: group.to_owned() }
}

//! Which group of a host a route means (spec §3): a number is its id, a name is
//! the managed resource of that name, or else the one group that the host calls so,
//! which is then recorded.

use relay_domain::HostId;
use relay_hosts::admin::AdminError;
use relay_hosts::managed::Why;
use relay_store::{ResourceKind, StoreError};

use super::ManagedAccess;
use super::fault::EnsureError;
use super::table::Named;

/// It cannot be told which group is meant.
#[derive(Debug, thiserror::Error)]
pub enum GroupError {
    /// The host is not in the fleet.
    #[error("there is no host \"{0}\"")]
    NoHost(HostId),
    /// The host cannot be asked.
    #[error(
        "the id of group \"{group}\" on host \"{host}\" is not known, and the host has no admin_key or login to \
         ask with; write the numeric id, give the host one, or record a managed resource"
    )]
    NoAccess {
        /// The host.
        host: HostId,
        /// The name.
        group: String,
    },
    /// No group has the name.
    #[error("host \"{host}\" has no group named \"{group}\"")]
    Missing {
        /// The host.
        host: HostId,
        /// The name.
        group: String,
    },
    /// Several have it.
    #[error("host \"{host}\" has {count} groups named \"{group}\"; write the numeric id of the one that is meant")]
    Ambiguous {
        /// The host.
        host: HostId,
        /// The name.
        group: String,
        /// How many.
        count: usize,
    },
    /// The host's admin API failed.
    #[error("the admin API of host \"{host}\" failed: {error}; {}", error.remedy())]
    Admin {
        /// The host.
        host: HostId,
        /// Why.
        error: AdminError,
    },
    /// The store failed.
    #[error("the id of the shadow group cannot be looked up: {0}")]
    Store(#[from] StoreError),
}

impl ManagedAccess {
    /// The id that is on record for a group's name.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn recorded_group(&self, host: &HostId, group: &str) -> Result<Option<String>, StoreError> {
        let found = self.store.managed_resource(host, ResourceKind::Group, group).await?;
        Ok(found.map(|resource| resource.remote_id))
    }

    /// The id of a group by its name: on record, or asked of the host and recorded.
    ///
    /// # Errors
    /// See [`GroupError`].
    pub(crate) async fn named_group(&self, host: &HostId, group: &str) -> Result<String, GroupError> {
        if let Some(id) = self.recorded_group(host, group).await? {
            return Ok(id);
        }
        let (of, group) = (host.clone(), group.to_owned());
        let found = self.hosts.host(host).ok_or_else(|| GroupError::NoHost(of.clone()))?;
        if found.admin.is_none() {
            return Err(GroupError::NoAccess { host: of, group });
        }
        let groups = self.hosts.client(&found).find_groups_by_name(&group).await;
        match groups.map_err(|error| GroupError::Admin { host: of.clone(), error })?.as_slice() {
            [one] => {
                let id = one.id.to_string();
                self.store.record_managed_resource(host, ResourceKind::Group, &group, &id, self.now()).await?;
                Ok(id)
            }
            [] => Err(GroupError::Missing { host: of, group }),
            several => Err(GroupError::Ambiguous { host: of, group, count: several.len() }),
        }
    }

    /// The id of a group that a route names, for a grant; look-ups know it from then on.
    pub(super) async fn group_id(&self, host: &HostId, group: &str) -> Result<i64, EnsureError> {
        let id = self.named_group(host, group).await?;
        let id = id.parse().map_err(|_| {
            let message = format!("group \"{group}\" of host \"{host}\" is on record with \"{id}\", which is no id");
            EnsureError::stuck(
                Why::Group,
                "group_record",
                message,
                "delete the managed resource; the host is asked then",
            )
        })?;
        self.table.name_group(host, group, Named::Id(id));
        Ok(id)
    }
}

impl From<GroupError> for EnsureError {
    fn from(error: GroupError) -> Self {
        let remedy = "correct shadow_group_id of the routes, or make the group";
        match error {
            GroupError::NoHost(_) => Self::NoHost,
            GroupError::NoAccess { .. } => AdminError::NoAccess.into(),
            GroupError::Admin { error, .. } => error.into(),
            GroupError::Store(error) => error.into(),
            GroupError::Missing { .. } => Self::stuck(Why::Group, "group_missing", error.to_string(), remedy),
            GroupError::Ambiguous { .. } => Self::stuck(Why::Group, "group_ambiguous", error.to_string(), remedy),
        }
    }
}

//! The id of a shadow group on its host (spec §3): a number as it is, a name
//! by the managed resource, or asked of the host by exact name.

use relay_domain::{AdminAccess, Host, HostKind, Route};
use relay_hosts::admin::{AdminClient, AdminError};
use relay_store::ResourceKind;

use super::error::ActionError;
use crate::Control;

/// Whether the configured group needs no look-up.
fn is_final(host: &Host, group: &str) -> bool {
    group.bytes().all(|byte| byte.is_ascii_digit()) || host.kind == HostKind::OpenAi
}

impl Control {
    /// The group's id as far as it is known here; the configured name otherwise.
    pub(super) async fn known_shadow_group(&self, route: &Route, host: &Host) -> Result<String, ActionError> {
        let group = &route.shadow_group;
        if is_final(host, group) {
            return Ok(group.clone());
        }
        Ok(self.recorded(host, group).await?.unwrap_or_else(|| group.clone()))
    }

    /// The group's id, asked of the host when it is not known here.
    pub(super) async fn shadow_group(&self, route: &Route, host: &Host) -> Result<String, ActionError> {
        let group = &route.shadow_group;
        if is_final(host, group) {
            return Ok(group.clone());
        }
        if let Some(id) = self.recorded(host, group).await? {
            return Ok(id);
        }
        let id = self.ask_host(host, group).await?;
        let store = &self.parts.store;
        store
            .record_managed_resource(&host.id, ResourceKind::Group, group, &id, self.now())
            .await
            .map_err(|error| store_failed(&error))?;
        Ok(id)
    }

    async fn recorded(&self, host: &Host, group: &str) -> Result<Option<String>, ActionError> {
        let found = self.parts.store.managed_resource(&host.id, ResourceKind::Group, group).await;
        Ok(found.map_err(|error| store_failed(&error))?.map(|resource| resource.remote_id))
    }

    async fn ask_host(&self, host: &Host, group: &str) -> Result<String, ActionError> {
        let id = &host.id;
        let access = host.admin.as_ref().ok_or_else(|| {
            ActionError::ServerMisconfigured(format!(
                "the id of group \"{group}\" on host \"{id}\" is not known, and the host has no admin_key to ask with; \
                 write the numeric id, give the host an admin_key, or record a managed resource"
            ))
        })?;
        let AdminAccess::Key(key) = access else {
            return Err(ActionError::ServerMisconfigured(format!(
                "the id of group \"{group}\" on host \"{id}\" is not known, and this version asks hosts with an \
                 admin_key only; write the numeric id, or record a managed resource"
            )));
        };
        let client = AdminClient::new(&self.parts.hosts, host, &key.secret, self.parts.limits.time_limit);
        let found = client.find_groups_by_name(group).await.map_err(|error| host_failed(host, &error))?;
        match found.as_slice() {
            [one] => Ok(one.to_string()),
            [] => Err(ActionError::Host(format!("host \"{id}\" has no group named \"{group}\""))),
            several => Err(ActionError::Host(format!(
                "host \"{id}\" has {} groups named \"{group}\"; write the numeric id of the one that is meant",
                several.len()
            ))),
        }
    }
}

fn host_failed(host: &Host, error: &AdminError) -> ActionError {
    ActionError::Host(format!("the admin API of host \"{}\" failed: {error}", host.id))
}

fn store_failed(error: &relay_store::StoreError) -> ActionError {
    tracing::error!(error = %error, "the store failed while a shadow group was looked up");
    ActionError::ServerMisconfigured(format!("the id of the shadow group cannot be looked up: {error}"))
}

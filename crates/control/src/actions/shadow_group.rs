//! The id of a shadow group on its host (spec §3): a number as it is, a name
//! by the managed resource, or asked of the host by exact name.

use relay_domain::{Host, HostKind, Route};
use relay_hosts::admin::AdminError;
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
        if host.admin.is_none() {
            return Err(ActionError::ServerMisconfigured(format!(
                "the id of group \"{group}\" on host \"{id}\" is not known, and the host has no admin_key or login to \
                 ask with; write the numeric id, give the host one, or record a managed resource"
            )));
        }
        let found =
            self.admin_clients.of(host).find_groups_by_name(group).await.map_err(|error| host_failed(host, &error))?;
        match found.as_slice() {
            [one] => Ok(one.id.to_string()),
            [] => Err(ActionError::Host(format!("host \"{id}\" has no group named \"{group}\""))),
            several => Err(ActionError::Host(format!(
                "host \"{id}\" has {} groups named \"{group}\"; write the numeric id of the one that is meant",
                several.len()
            ))),
        }
    }
}

fn host_failed(host: &Host, error: &AdminError) -> ActionError {
    ActionError::Host(format!("the admin API of host \"{}\" failed: {error}; {}", host.id, error.remedy()))
}

fn store_failed(error: &relay_store::StoreError) -> ActionError {
    tracing::error!(error = %error, "the store failed while a shadow group was looked up");
    ActionError::ServerMisconfigured(format!("the id of the shadow group cannot be looked up: {error}"))
}

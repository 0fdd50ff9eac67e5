//! The group has to serve subscriptions. Older hosts serve keys of a group that is
//! switched off, so this is looked at here and not left to the gateway.

use relay_hosts::admin::GroupStatus;
use relay_hosts::managed::Why;

use super::Saga;
use crate::managed::fault::EnsureError;

impl Saga<'_> {
    pub(super) async fn check_group(&mut self) -> Result<(), EnsureError> {
        let (host, id) = (&self.host.id, self.grant.name.group_id);
        let stuck = |code, message: String, remedy: &str| {
            self.access.lose(&self.grant.name);
            Err(EnsureError::stuck(Why::Group, code, message, remedy))
        };
        let Some(group) = self.access.hosts.group(&self.host, id).await? else {
            let message = format!("host \"{host}\" has no group {id}");
            return stuck("group_missing", message, "correct shadow_group_id of the routes, or make the group");
        };
        if !group.takes_subscriptions() {
            let message = format!("group {id} (\"{}\") of host \"{host}\" takes no subscriptions", group.name);
            let remedy = "name a subscription group, or use credential = \"host_key\" for this one";
            return stuck("group_takes_no_subscriptions", message, remedy);
        }
        if group.status == GroupStatus::Inactive {
            let message = format!("group {id} (\"{}\") of host \"{host}\" is switched off", group.name);
            return stuck("group_inactive", message, "switch it on in the host's panel, or disable the routes");
        }
        Ok(())
    }
}

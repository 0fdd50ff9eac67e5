//! The id of a shadow group on its host (spec §3): a number as it is, a name
//! by the managed resource, or asked of the host by exact name.

use relay_domain::{Host, HostKind, Route};

use super::error::ActionError;
use crate::Control;
use crate::managed::GroupError;

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
        let recorded = self.parts.managed.recorded_group(&host.id, group).await.map_err(GroupError::from)?;
        Ok(recorded.unwrap_or_else(|| group.clone()))
    }

    /// The group's id, asked of the host when it is not known here.
    pub(super) async fn shadow_group(&self, route: &Route, host: &Host) -> Result<String, ActionError> {
        let group = &route.shadow_group;
        if is_final(host, group) {
            return Ok(group.clone());
        }
        Ok(self.parts.managed.named_group(&host.id, group).await?)
    }
}

impl From<GroupError> for ActionError {
    fn from(error: GroupError) -> Self {
        match &error {
            GroupError::NoHost(_) => Self::NotFound(error.to_string()),
            GroupError::NoAccess { .. } => Self::ServerMisconfigured(error.to_string()),
            GroupError::Missing { .. } | GroupError::Ambiguous { .. } | GroupError::Admin { .. } => {
                Self::Host(error.to_string())
            }
            GroupError::Store(source) => {
                tracing::error!(error = %source, "the store failed while a shadow group was looked up");
                Self::ServerMisconfigured(error.to_string())
            }
        }
    }
}

//! What a host can do: as it is on record, or found out now.

use relay_domain::HostId;
use relay_hosts::admin::Capabilities;
use serde::Serialize;

use super::{HostError, admin};
use crate::Control;

/// What a host can do, as its last probe found out.
#[derive(Clone, Debug, Serialize)]
pub struct HostCapabilities {
    /// The host.
    pub host_id: String,
    /// `null` when it was never probed.
    pub capabilities: Option<Capabilities>,
}

impl Control {
    /// What was last found out; asks nobody.
    ///
    /// # Errors
    /// When there is no such host, or the store fails.
    pub async fn host_capabilities(&self, id: &str) -> Result<HostCapabilities, HostError> {
        let unknown = || HostError::Unknown(id.to_owned());
        let host = HostId::new(id).map_err(|_| unknown())?;
        let hosts = self.parts.managed.hosts();
        hosts.host(&host).ok_or_else(unknown)?;
        Ok(HostCapabilities { host_id: id.to_owned(), capabilities: hosts.recorded(&host).await? })
    }

    /// Finds out now what a host can do, and records it. A dozen calls, which change nothing.
    ///
    /// # Errors
    /// See [`HostError`].
    pub async fn probe_host(&self, id: &str) -> Result<HostCapabilities, HostError> {
        let host = self.reached(id)?;
        let key = host.gateway_key.as_ref().map(|key| &key.secret);
        let found = self.parts.managed.hosts().probe(&host, key).await.map_err(admin(&host))?;
        Ok(HostCapabilities { host_id: id.to_owned(), capabilities: Some((*found).clone()) })
    }
}

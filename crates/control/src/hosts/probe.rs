//! What a host can do: as it is on record, or found out now.

use relay_domain::HostId;
use relay_hosts::admin::Capabilities;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{HostError, admin};
use crate::Control;

/// What a host can do, as its last probe found out.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct HostCapabilities {
    /// The host.
    pub host_id: String,
    /// `null` when it was never probed.
    #[schema(required)]
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

    /// Finds out now what a host can do, records and audits it. A dozen calls, which change nothing there.
    ///
    /// # Errors
    /// See [`HostError`].
    pub async fn probe_host(&self, id: &str, actor: &str) -> Result<HostCapabilities, HostError> {
        self.kept(id, "probe", actor, self.find_out(id, actor)).await
    }

    async fn find_out(&self, id: &str, actor: &str) -> Result<HostCapabilities, HostError> {
        let host = self.reached(id)?;
        let key = host.gateway_key.as_ref().map(|key| &key.secret);
        let hosts = self.parts.managed.hosts();
        let before = hosts.recorded(&host.id).await?;
        let work = self.begin_work(&host, "probe");
        work.at(0, 0, "asking what it can do");
        let found = hosts.probe(&host, key).await.map_err(admin(&host))?;
        let (summary, details) = (format!("probed host \"{id}\""), json!({ "before": before, "after": *found }));
        self.audit_about(&[format!("host:{id}")], actor, "host.probe", summary, details).await?;
        Ok(HostCapabilities { host_id: id.to_owned(), capabilities: Some((*found).clone()) })
    }
}

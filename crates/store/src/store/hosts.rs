//! What is recorded of hosts beside the fleet.

use async_trait::async_trait;
use relay_domain::HostId;

use crate::{CapabilityRecord, HostObject, HostResult, Observation, ObservationFilter, StoreError};

/// Capabilities, objects, results of work and observations of hosts.
#[async_trait]
pub trait HostStore: Send + Sync {
    /// What a host can do.
    async fn capabilities(&self, host: &HostId) -> Result<Option<CapabilityRecord>, StoreError>;

    /// Records what a host can do, over what was recorded before.
    async fn put_capabilities(&self, record: &CapabilityRecord) -> Result<(), StoreError>;

    /// The objects of a host, by kind and name.
    async fn host_objects(&self, host: &HostId) -> Result<Vec<HostObject>, StoreError>;

    /// Writes objects over what was recorded of them.
    async fn put_host_objects(&self, host: &HostId, objects: &[HostObject]) -> Result<(), StoreError>;

    /// Forgets an object; nothing is done on the host.
    async fn forget_host_object(&self, host: &HostId, kind: &str, name: &str) -> Result<bool, StoreError>;

    /// What came last of each kind of work on a host, by kind.
    async fn host_results(&self, host: &HostId) -> Result<Vec<HostResult>, StoreError>;

    /// Records what came of work, over what came of the same before; unless that ended later.
    async fn put_host_result(&self, result: &HostResult) -> Result<(), StoreError>;

    /// Adds each observation that differs from the last one of its subject, and answers those with
    /// the value before.
    async fn observe(
        &self,
        observations: &[Observation],
    ) -> Result<Vec<(Observation, Option<Observation>)>, StoreError>;

    /// Observations, newest first, below the one numbered `before`.
    async fn observations(
        &self,
        filter: &ObservationFilter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Observation>, StoreError>;
}

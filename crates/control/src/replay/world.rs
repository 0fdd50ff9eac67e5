//! A fleet as a replay assumes it to be: every host well, but for those that are said to be down or slow.

use std::sync::Arc;
use std::time::Duration;

use relay_domain::{HostId, Timestamp};
use relay_routing::{HealthView, RouteEntry, RouteHealth, RouteIndex, Snapshot};

/// What is assumed of hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Troubles {
    /// These answer nothing.
    pub down: Vec<HostId>,
    /// These answer so much later than they did.
    pub slow: Vec<(HostId, Duration)>,
}

/// A host that is to be down or slow is not in the fleet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no host \"{0}\"")]
pub struct UnknownHost(pub HostId);

/// A fleet with what is assumed of its hosts.
#[derive(Debug)]
pub struct World {
    pub(super) snapshot: Arc<Snapshot>,
    /// By host index.
    down: Vec<bool>,
    /// By host index, in microseconds.
    delay_us: Vec<u64>,
}

impl World {
    /// A fleet whose hosts are all well.
    pub fn well(snapshot: Arc<Snapshot>) -> Self {
        let hosts = snapshot.hosts().len();
        Self { snapshot, down: vec![false; hosts], delay_us: vec![0; hosts] }
    }

    /// A fleet with some hosts in trouble.
    ///
    /// # Errors
    /// The first host that is not in the fleet.
    pub fn troubled(snapshot: Arc<Snapshot>, troubles: &Troubles) -> Result<Self, UnknownHost> {
        let mut world = Self::well(snapshot);
        for host in &troubles.down {
            let index = world.index(host)?;
            world.down[index] = true;
        }
        for (host, delay) in &troubles.slow {
            let index = world.index(host)?;
            world.delay_us[index] = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        }
        Ok(world)
    }

    /// The fleet.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    fn index(&self, host: &HostId) -> Result<usize, UnknownHost> {
        let (index, _) = self.snapshot.host(host.as_str()).ok_or_else(|| UnknownHost(host.clone()))?;
        Ok(index.as_usize())
    }

    /// How much later the host of `route` answers.
    pub(super) fn delay_us(&self, route: RouteIndex) -> u64 {
        self.delay_us[self.snapshot.route(route).host.as_usize()]
    }
}

impl HealthView for World {
    fn route(&self, route: &RouteEntry, _now: Timestamp) -> RouteHealth {
        if self.down[route.host.as_usize()] {
            return RouteHealth::CoolingDown { until: Timestamp::MAX };
        }
        RouteHealth::Available
    }
}

//! One generation made ready for requests: the routing index, and for each
//! host and route what would otherwise be built per request.

use std::collections::HashMap;
use std::sync::Arc;

use relay_domain::GroupId;
use relay_health::{CredentialId, GenerationHealth};
use relay_hosts::{Endpoint, HostClient, HostPool};
use relay_routing::{KeyIndex, RouteIndex, Snapshot};

use crate::consumers::Consumers;
use crate::limits::{Gate, Gates};
use crate::metrics::{GroupMeters, HostMeters, Meters};
use crate::surface::ModelName;

/// A generation as the data plane uses it.
pub(crate) struct Serving {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) health: Arc<GenerationHealth>,
    pub(crate) meters: Arc<Meters>,
    hosts: Vec<Reached>,
    routes: Vec<RouteWire>,
    consumers: Consumers,
    group_gates: HashMap<GroupId, Arc<Gate>>,
}

/// Everything counted, whatever the generation.
#[derive(Default)]
pub(crate) struct AllGates {
    pub(crate) keys: Gates,
    pub(crate) groups: Gates,
}

impl AllGates {
    pub(crate) fn forget_unused(&self) {
        self.keys.forget_unused();
        self.groups.forget_unused();
    }
}

/// A host as requests reach it.
struct Reached {
    endpoint: Endpoint,
    pool: Arc<HostPool>,
    /// Its own gateway key.
    key: Option<CredentialId>,
}

/// What requests and records over a route need.
pub(crate) struct RouteWire {
    pub(crate) route_id: Arc<str>,
    pub(crate) host_id: Arc<str>,
    pub(crate) shadow_group: Option<Arc<str>>,
    pub(crate) shadow_model: Arc<str>,
    /// How the host knows the model; `None` when by the public name.
    pub(crate) shadow_name: Option<ModelName>,
    pub(crate) of_host: Arc<HostMeters>,
    pub(crate) of_group: Arc<GroupMeters>,
}

impl Serving {
    pub(crate) fn new(
        snapshot: Arc<Snapshot>,
        health: Arc<GenerationHealth>,
        hosts: &HostClient,
        gates: &AllGates,
        meters: &Arc<Meters>,
    ) -> Self {
        let reached = |host| {
            let endpoint = Endpoint::new(host);
            let pool = hosts.pool(endpoint.base_url(), endpoint.allow_private());
            let fingerprint = endpoint.fingerprint().filter(|_| endpoint.has_key());
            Reached { pool, key: fingerprint.map(|fingerprint| CredentialId::of(&fingerprint)), endpoint }
        };
        let hosts = snapshot.hosts().iter().map(reached).collect();
        meters.keep_those_of(&snapshot);
        let routes = snapshot
            .routes()
            .iter()
            .map(|entry| RouteWire {
                route_id: entry.route.id.shared(),
                host_id: entry.route.host.shared(),
                shadow_group: (!entry.route.shadow_group.is_empty()).then(|| entry.route.shadow_group.as_str().into()),
                shadow_model: entry.route.shadow_model.as_str().into(),
                shadow_name: (!entry.route.shadow_model.is_empty()).then(|| ModelName::new(&entry.route.shadow_model)),
                of_host: meters.hosts.of(&entry.route.host.shared()),
                of_group: meters.groups.of(&entry.route.group.shared()),
            })
            .collect();
        let consumers = Consumers::new(&snapshot, &gates.keys);
        let group_gates =
            snapshot.groups().map(|group| (group.id.clone(), gates.groups.of(&group.id.shared()))).collect();
        Self { snapshot, health, meters: Arc::clone(meters), hosts, routes, consumers, group_gates }
    }

    /// The consumers by the hashes of their secrets, those before a rotation included: whether one is still good is
    /// for whoever asks to check.
    pub(crate) fn consumers(&self) -> &Consumers {
        &self.consumers
    }

    /// What is counted for a key of this generation.
    pub(crate) fn key_gate(&self, key: KeyIndex) -> &Arc<Gate> {
        &self.key_gates()[key.as_usize()]
    }

    /// What is counted for all keys, in the order of the snapshot's.
    pub(crate) fn key_gates(&self) -> &[Arc<Gate>] {
        self.consumers.gates()
    }

    /// What is counted for a group of this generation.
    pub(crate) fn group_gate(&self, group: &GroupId) -> Option<&Arc<Gate>> {
        self.group_gates.get(group)
    }

    pub(crate) fn wire(&self, route: RouteIndex) -> &RouteWire {
        &self.routes[route.as_usize()]
    }

    pub(crate) fn endpoint(&self, route: RouteIndex) -> &Endpoint {
        &self.host(route).endpoint
    }

    /// Connections to the host of a route.
    pub(crate) fn pool(&self, route: RouteIndex) -> &Arc<HostPool> {
        &self.host(route).pool
    }

    /// The shared key of a route's host.
    pub(crate) fn host_key(&self, route: RouteIndex) -> Option<CredentialId> {
        self.host(route).key
    }

    fn host(&self, route: RouteIndex) -> &Reached {
        &self.hosts[self.snapshot.route(route).host.as_usize()]
    }
}

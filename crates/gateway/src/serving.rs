//! One generation made ready for requests: the routing index, and for each
//! host and route what would otherwise be built per request.

use std::sync::Arc;

use bytes::Bytes;
use relay_domain::{CredentialMode, Timestamp};
use relay_hosts::{Endpoint, HostClient, HostPool};
use relay_routing::{CredentialFault, CredentialView, RouteEntry, RouteIndex, Snapshot};

use crate::splice;

/// A generation as the data plane uses it.
pub(crate) struct Serving {
    pub(crate) snapshot: Arc<Snapshot>,
    endpoints: Vec<(Endpoint, Arc<HostPool>)>,
    routes: Vec<RouteWire>,
}

/// What requests and records over a route need.
pub(crate) struct RouteWire {
    pub(crate) route_id: Arc<str>,
    pub(crate) host_id: Arc<str>,
    pub(crate) shadow_group: Option<Arc<str>>,
    pub(crate) shadow_model: Arc<str>,
    /// JSON text of the shadow model; `None` when the host knows the public name.
    pub(crate) shadow_json: Option<Bytes>,
}

impl Serving {
    pub(crate) fn new(snapshot: Arc<Snapshot>, hosts: &HostClient) -> Self {
        let reached = |host| {
            let endpoint = Endpoint::new(host);
            let pool = hosts.pool(endpoint.base_url(), endpoint.allow_private());
            (endpoint, pool)
        };
        let endpoints = snapshot.hosts().iter().map(reached).collect();
        let routes = snapshot
            .routes()
            .iter()
            .map(|entry| RouteWire {
                route_id: entry.route.id.shared(),
                host_id: entry.route.host.shared(),
                shadow_group: (!entry.route.shadow_group.is_empty()).then(|| entry.route.shadow_group.as_str().into()),
                shadow_model: entry.route.shadow_model.as_str().into(),
                shadow_json: (!entry.route.shadow_model.is_empty())
                    .then(|| splice::json_text(&entry.route.shadow_model)),
            })
            .collect();
        Self { snapshot, endpoints, routes }
    }

    pub(crate) fn wire(&self, route: RouteIndex) -> &RouteWire {
        &self.routes[route.as_usize()]
    }

    pub(crate) fn endpoint(&self, route: RouteIndex) -> &Endpoint {
        &self.endpoints[self.snapshot.route(route).host.as_usize()].0
    }

    /// Connections to the host of a route.
    pub(crate) fn pool(&self, route: RouteIndex) -> &Arc<HostPool> {
        &self.endpoints[self.snapshot.route(route).host.as_usize()].1
    }
}

impl CredentialView for Serving {
    fn usable(&self, route: &RouteEntry, _now: Timestamp) -> Result<(), CredentialFault> {
        match route.route.credential {
            CredentialMode::HostKey if !self.endpoints[route.host.as_usize()].0.has_key() => {
                Err(CredentialFault::HostKeyMissing)
            }
            // A caller has passed with the very key that it brings.
            CredentialMode::HostKey | CredentialMode::Caller => Ok(()),
            CredentialMode::Managed => Err(CredentialFault::ManagedUnavailable),
        }
    }

    fn is_identity(&self, route: &RouteEntry, identity: &str) -> bool {
        let (endpoint, _) = &self.endpoints[route.host.as_usize()];
        endpoint.fingerprint().is_some_and(|fingerprint| &*fingerprint == identity)
    }
}

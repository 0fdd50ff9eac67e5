//! What is known of the fleet's hosts: how to call them, what they can do, and
//! the groups that were just looked at.
//!
//! Capabilities are probed when nobody knows them, when they are a day old, and when a
//! host surprised us; they are stored, so that a restart asks nobody.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::SignedDuration;
use relay_domain::{Clock, Host, HostId, HostKind, Secret, Timestamp};
use relay_hosts::admin::{
    AdminClient, AdminClients, AdminError, Assignment, Capabilities, Group, RemoteGroupId, Subscription,
};
use relay_store::{CapabilityRecord, Store};

use super::fault::EnsureError;

/// Capabilities are found out anew after this time.
const BELIEVED: SignedDuration = SignedDuration::from_hours(24);

/// A host that surprises us is not probed more often than this.
const PROBE_PAUSE: SignedDuration = SignedDuration::from_mins(10);

/// Groups that are remembered at most.
const MOST_GROUPS: usize = 10_000;

/// The hosts of the fleet in force, and what is known of them.
pub struct KnownHosts {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    clients: AdminClients,
    hosts: ArcSwap<HashMap<HostId, Arc<Host>>>,
    capabilities: Mutex<HashMap<HostId, Known>>,
    /// One probe at a time; a dozen calls are not worth a lock for each host.
    probing: tokio::sync::Mutex<()>,
    groups: Mutex<HashMap<(HostId, i64), (Group, Timestamp)>>,
    freshness: Duration,
}

#[derive(Clone)]
struct Known {
    capabilities: Arc<Capabilities>,
    surprised: bool,
}

impl KnownHosts {
    /// Nothing is known yet.
    pub(super) fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        clients: AdminClients,
        freshness: Duration,
    ) -> Self {
        Self {
            store,
            clock,
            clients,
            hosts: ArcSwap::default(),
            capabilities: Mutex::default(),
            probing: tokio::sync::Mutex::default(),
            groups: Mutex::default(),
            freshness,
        }
    }

    /// Takes over the hosts of a fleet; answers those that are new, gone or changed.
    pub(super) fn replace(&self, hosts: &[Host]) -> Vec<HostId> {
        let fresh: HashMap<HostId, Arc<Host>> =
            hosts.iter().map(|host| (host.id.clone(), Arc::new(host.clone()))).collect();
        self.clients.keep_only(hosts);
        let old = self.hosts.swap(Arc::new(fresh.clone()));
        let changed = fresh.iter().filter(|(id, host)| old.get(*id) != Some(*host)).map(|(id, _)| id.clone());
        let gone = old.keys().filter(|id| !fresh.contains_key(*id)).cloned();
        let changed: Vec<HostId> = changed.chain(gone).collect();
        self.groups().retain(|(host, _), _| !changed.contains(host));
        for id in changed.iter().filter(|id| old.contains_key(*id)) {
            // Another address or access may lead to another host: nothing known counts.
            self.known().insert(id.clone(), Known { capabilities: Arc::default(), surprised: true });
        }
        changed
    }

    /// A host of the fleet, whatever it is.
    pub fn host(&self, id: &HostId) -> Option<Arc<Host>> {
        self.hosts.load().get(id).cloned()
    }

    /// All hosts of the fleet that have an admin API which lets us in.
    pub fn managed(&self) -> Vec<Arc<Host>> {
        let mut hosts: Vec<_> = self.hosts.load().values().filter(|host| is_managed(host)).map(Arc::clone).collect();
        hosts.sort_by(|a, b| a.id.cmp(&b.id));
        hosts
    }

    /// The host on which grants are kept.
    pub(super) fn serving(&self, id: &HostId) -> Result<Arc<Host>, EnsureError> {
        let host = self.host(id).ok_or(EnsureError::NoHost)?;
        if host.kind != HostKind::Sub2api || !host.enabled {
            return Err(EnsureError::NoHost);
        }
        if host.admin.is_none() {
            return Err(AdminError::NoAccess.into());
        }
        Ok(host)
    }

    /// A caller of a host's admin and user API.
    pub fn client(&self, host: &Host) -> AdminClient {
        self.clients.of(host)
    }

    /// What a host can do.
    ///
    /// # Errors
    /// When it has to be probed and does not answer.
    pub async fn capabilities(&self, host: &Host) -> Result<Arc<Capabilities>, AdminError> {
        if let Some(known) = self.believed(&host.id) {
            return Ok(known);
        }
        let _one_at_a_time = self.probing.lock().await;
        if let Some(known) = self.believed(&host.id) {
            return Ok(known);
        }
        if self.remembered(&host.id).is_none() {
            self.recall(&host.id).await;
            if let Some(known) = self.believed(&host.id) {
                return Ok(known);
            }
        }
        self.probe_now(host, None).await
    }

    /// What was last found out, without asking anybody.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn recorded(&self, host: &HostId) -> Result<Option<Capabilities>, relay_store::StoreError> {
        let record = self.store.capabilities(host).await?;
        Ok(record.and_then(|record| serde_json::from_value(record.document).ok()))
    }

    /// Finds out anew what a host can do, and records it. With a gateway key a little more is found out.
    ///
    /// # Errors
    /// When the host does not answer as a sub2api host at all.
    pub async fn probe(&self, host: &Host, gateway_key: Option<&Secret>) -> Result<Arc<Capabilities>, AdminError> {
        let _one_at_a_time = self.probing.lock().await;
        if self.remembered(&host.id).is_none() {
            self.recall(&host.id).await;
        }
        self.probe_now(host, gateway_key).await
    }

    async fn probe_now(&self, host: &Host, gateway_key: Option<&Secret>) -> Result<Arc<Capabilities>, AdminError> {
        let now = self.clock.now();
        let found = self.client(host).probe(gateway_key, now).await?;
        let found = match self.remembered(&host.id) {
            Some(earlier) => found.or_earlier(&earlier.capabilities),
            None => found,
        };
        tracing::info!(host = %host.id, obstacle = found.obstacle.as_ref().map(|it| &*it.label), "probed a host");
        let found = Arc::new(found);
        self.remember(&host.id, &found).await;
        Ok(found)
    }

    /// What is known and may be believed without asking.
    fn believed(&self, id: &HostId) -> Option<Arc<Capabilities>> {
        let known = self.remembered(id)?;
        let age = self.clock.now().duration_since(known.capabilities.probed_at);
        let until = if known.surprised { PROBE_PAUSE } else { BELIEVED };
        (age < until).then_some(known.capabilities)
    }

    fn remembered(&self, id: &HostId) -> Option<Known> {
        self.known().get(id).cloned()
    }

    async fn recall(&self, id: &HostId) {
        match self.recorded(id).await {
            Ok(Some(capabilities)) => {
                let known = Known { capabilities: Arc::new(capabilities), surprised: false };
                self.known().insert(id.clone(), known);
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, host = %id, "capabilities cannot be read; the host is probed"),
        }
    }

    /// In memory even when the store fails: what is lost is found out again.
    async fn remember(&self, id: &HostId, capabilities: &Arc<Capabilities>) {
        let known = Known { capabilities: Arc::clone(capabilities), surprised: false };
        self.known().insert(id.clone(), known);
        let record = CapabilityRecord {
            host: id.clone(),
            probed_at: capabilities.probed_at,
            document: serde_json::to_value(&**capabilities).unwrap_or_default(),
        };
        if let Err(error) = self.store.put_capabilities(&record).await {
            tracing::warn!(%error, host = %id, "capabilities were not recorded");
        }
    }

    /// Learns from an answer what no probe finds out.
    pub(super) async fn learn(&self, id: &HostId, learn: impl FnOnce(&mut Capabilities)) {
        let Some(known) = self.remembered(id) else { return };
        let mut capabilities = (*known.capabilities).clone();
        learn(&mut capabilities);
        if capabilities != *known.capabilities {
            self.remember(id, &Arc::new(capabilities)).await;
        }
    }

    /// Learns what assigning does to a subscription that is there.
    pub(super) async fn learn_assign(&self, id: &HostId, before: Option<&Subscription>, outcome: &Assignment) {
        let now = self.clock.now();
        self.learn(id, |capabilities| capabilities.learn_assign(before, outcome, now)).await;
    }

    /// Notes an error that a host of these capabilities does not give: it was upgraded, or replaced.
    pub(super) fn note(&self, id: &HostId, error: &AdminError) {
        if matches!(error, AdminError::NoRoute { .. } | AdminError::NotApi { .. })
            && let Some(known) = self.known().get_mut(id)
        {
            known.surprised = true;
        }
    }

    /// A group, as it was at most a moment ago.
    pub(super) async fn group(&self, host: &Host, id: i64) -> Result<Option<Group>, AdminError> {
        let now = self.clock.now();
        let key = (host.id.clone(), id);
        let fresh = |at: Timestamp| now.duration_since(at).unsigned_abs() < self.freshness;
        if let Some((group, _)) = self.groups().get(&key).filter(|(_, at)| fresh(*at)) {
            return Ok(Some(group.clone()));
        }
        let group = self.client(host).group(RemoteGroupId(id)).await?;
        let mut groups = self.groups();
        match &group {
            Some(group) => {
                if groups.len() >= MOST_GROUPS {
                    groups.retain(|_, (_, at)| fresh(*at));
                }
                groups.insert(key, (group.clone(), now));
            }
            None => {
                groups.remove(&key);
            }
        }
        Ok(group)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<HostId, Known>> {
        self.capabilities.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn groups(&self) -> MutexGuard<'_, HashMap<(HostId, i64), (Group, Timestamp)>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a host has an admin API that lets us in.
pub(crate) fn is_managed(host: &Host) -> bool {
    host.kind == HostKind::Sub2api && host.enabled && host.admin.is_some()
}

//! Managed access (spec §9): for a subscription user of a host and one of its
//! groups, a living subscription and a gateway key, kept alive and exchanged.
//!
//! [`ManagedAccess`] answers look-ups from memory (`table`) and hands everything else to
//! its [`Worker`]: jobs that requests wait for, one for each grant at a time
//! (`flights`), and grants that are due by their record. A job walks the steps of
//! `saga`; each is recorded before it is made on the host and safe to repeat, so a job may
//! be broken off anywhere. What is meant to be is written down first and then
//! worked off ("want", "wanted generation"), so that a rotation of a whole fleet survives whoever
//! asked for it.
//!
//! Only objects that carry our tag are ever changed (`mark`). What only a person can lift is
//! reported and never got around.

mod fault;
mod flights;
mod groups;
mod known_hosts;
mod mark;
mod operate;
mod policy;
mod saga;
mod sessions;
mod table;
mod view;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use relay_domain::{Clock, Host, Timestamp};
use relay_hosts::admin::AdminClients;
use relay_hosts::managed::{
    GatewaySaid, Lookup, ManagedKey, ManagedKeys, Obtaining, Refused, Unobtainable, Wanted, Why,
};
use relay_store::{AccessChange, AccessKey, Grant, GrantFilter, GrantName, Keyring, Store, StoreError, Want};
use tokio::sync::{Notify, mpsc, watch};

pub use fault::EnsureError;
pub use groups::GroupError;
pub use known_hosts::KnownHosts;
pub(crate) use known_hosts::is_managed;
pub use operate::{AccessError, AskedFor, Rotation};
pub use policy::Policy;
pub use relay_store::{GrantCounts, GrantFilter as AccessFilter, GrantState};
pub use view::{GrantView, KeyView};
pub use worker::Worker;

use flights::{Asked, Flights, Job, NoFlight};
use mark::Tag;
use sessions::Sessions;
use table::{Entry, Ready, State, Table};

/// Grants read from the store at once.
const PAGE: u32 = 1_000;

/// What managed access is made of.
pub struct ManagedParts {
    /// The database.
    pub store: Arc<dyn Store>,
    /// Derives keys and passwords.
    pub keyring: Arc<Keyring>,
    /// Callers of hosts' admin APIs, with their pace.
    pub clients: AdminClients,
    /// Wall-clock time.
    pub clock: Arc<dyn Clock>,
    /// How access is kept.
    pub policy: Policy,
    /// Spreads what would otherwise happen at one moment: from 0 to 1.
    pub jitter: fn() -> f64,
}

/// Managed access of a fleet. Shared by the request path, the control plane and the worker.
pub struct ManagedAccess {
    store: Arc<dyn Store>,
    keyring: Arc<Keyring>,
    clock: Arc<dyn Clock>,
    policy: Policy,
    jitter: fn() -> f64,
    hosts: KnownHosts,
    tag: Tag,
    table: Table,
    sessions: Sessions,
    flights: Flights,
    /// There may be grants that are due.
    wake: Notify,
    /// How many changes of records there were: whoever waits for one need not look again and again.
    changes: watch::Sender<u64>,
}

impl ManagedAccess {
    /// Reads every grant into memory. The worker has to be [run](Worker::run) for anything to be obtained.
    ///
    /// # Errors
    /// When the store cannot be read. A key that cannot be decrypted is an entry that says so.
    pub async fn open(parts: ManagedParts) -> Result<(Arc<Self>, Worker), StoreError> {
        let ManagedParts { store, keyring, clients, clock, policy, jitter } = parts;
        let tag = Tag::load(&*store, &keyring).await?;
        let (flights, jobs): (_, mpsc::Receiver<Job>) = Flights::new();
        let access = Arc::new(Self {
            hosts: KnownHosts::new(Arc::clone(&store), Arc::clone(&clock), clients, policy.freshness),
            store,
            keyring,
            clock,
            policy,
            jitter,
            tag,
            table: Table::new(),
            sessions: Sessions::default(),
            flights,
            wake: Notify::new(),
            changes: watch::Sender::new(0),
        });
        access.load().await?;
        let worker = Worker::new(Arc::clone(&access), jobs);
        Ok((access, worker))
    }

    async fn load(&self) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let page = self.store.grants_with_keys(&GrantFilter::default(), after, PAGE).await?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = Some(last.id);
            for (grant, key) in &page {
                self.show(grant, key.as_ref());
            }
        }
    }

    /// Takes over the hosts of a generation, before requests are planned with it.
    pub fn put_hosts(&self, hosts: &[Host]) {
        for id in self.hosts.replace(hosts) {
            self.sessions.forget_host(&id);
            self.table.forget_names(&id);
            let base_url = self.hosts.host(&id).map(|host| host.base_url.to_string());
            self.table.update_host(&id, |_, entry| match &entry.state {
                // A key goes to no other address than the one that it was obtained from.
                State::Ready(ready) if base_url.as_deref() == Some(&*ready.base_url) => true,
                State::Ready(ready) => {
                    entry.state = State::Doubted { generation: ready.key.generation };
                    true
                }
                State::Refused(Refused { why: Why::Revoked, .. }) | State::Doubted { .. } => true,
                State::Refused(_) => false,
            });
        }
        self.wake.notify_one();
    }

    /// What is known of the fleet's hosts.
    pub fn hosts(&self) -> &KnownHosts {
        &self.hosts
    }

    /// The number of changes that this process made to records of grants; waited on, it tells of the next.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Writes a record, and tells those who wait for a change.
    async fn record(&self, change: AccessChange<'_>) -> Result<Grant, StoreError> {
        let recorded = self.store.change_access(change).await;
        self.note_change();
        recorded
    }

    fn note_change(&self) {
        self.changes.send_modify(|changes| *changes += 1);
    }

    fn now(&self) -> Timestamp {
        let now = self.clock.now();
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }

    /// Puts into the table what a record says; answers the key, when it is one to send.
    fn show(&self, grant: &Grant, key: Option<&AccessKey>) -> Option<Arc<ManagedKey>> {
        let state = self.state_of(grant, key)?;
        let ready = match &state {
            State::Ready(ready) => Some(Arc::clone(&ready.key)),
            _ => None,
        };
        self.table.put(&grant.name, state);
        ready
    }

    fn state_of(&self, grant: &Grant, key: Option<&AccessKey>) -> Option<State> {
        let refused = |why, until| Some(State::Refused(Refused { why, until }));
        if grant.want == Want::Revoked {
            return refused(Why::Revoked, None);
        }
        if grant.state != GrantState::Ready {
            return None;
        }
        let (Some(key), Some(user_id)) = (key, grant.user_id) else { return None };
        let secret = key.secret.clone()?;
        let name = &grant.name;
        let key =
            ManagedKey::new(name.host.clone(), Arc::clone(&name.user), name.group_id, key.generation, user_id, secret);
        let Ok(key) = key else { return refused(Why::Key, None) };
        if self.hosts.host(&name.host).is_some_and(|host| host.base_url.to_string() != grant.base_url) {
            return Some(State::Doubted { generation: key.generation });
        }
        Some(State::Ready(Ready {
            key: Arc::new(key),
            base_url: grant.base_url.as_str().into(),
            expires_at: grant.expires_at,
            limited_until: None,
            checked_at: grant.updated_at,
        }))
    }

    /// Waits at most `limit` for the job of what is asked for.
    async fn fly(&self, asked: &Asked, limit: Duration) -> Result<Arc<ManagedKey>, Unobtainable> {
        let waiting = match self.flights.join(asked) {
            Ok(waiting) => waiting,
            Err(NoFlight::Closed) => return Err(Unobtainable::ShuttingDown),
            Err(NoFlight::Full) => return Err(Unobtainable::NotInTime),
        };
        match tokio::time::timeout(limit, flights::landed(waiting)).await {
            Ok(Some(landed)) => landed.map_err(Unobtainable::Refused),
            Ok(None) if self.flights.is_open() => {
                // The job died in a way that not even its failure could be written down; another one may begin.
                Err(Unobtainable::Refused(Refused { why: Why::Internal, until: Some(self.now()) }))
            }
            Ok(None) => Err(Unobtainable::ShuttingDown),
            Err(_) => Err(Unobtainable::NotInTime),
        }
    }

    /// Marks the key of an entry as doubted; answers whether a job should look at it.
    fn doubt(&self, key: &ManagedKey, now: Timestamp) -> bool {
        let name = GrantName { host: key.host.clone(), user: Arc::clone(&key.user), group_id: key.group_id };
        self.table.update(&name, |entry| {
            let Some(Entry { state: State::Ready(ready), rejections }) = entry else { return (entry, false) };
            if ready.key.fingerprint != key.fingerprint {
                return (Some(Entry { state: State::Ready(ready), rejections }), false);
            }
            let generation = ready.key.generation;
            let good_for = now.duration_since(ready.checked_at);
            let was_good = good_for >= SignedDuration::try_from(self.policy.suspicion).unwrap_or(SignedDuration::MAX);
            if was_good || rejections == 0 {
                return (Some(Entry { state: State::Doubted { generation }, rejections: 1 }), true);
            }
            // It was doubted, looked at a moment ago and found to be good: looking again finds the same.
            let rest = policy::backoff(
                self.policy.first_rejection,
                rejections - 1,
                policy::LONGEST_REJECTION,
                (self.jitter)(),
            );
            let refused = Refused { why: Why::Rejected, until: now.checked_add(rest).ok() };
            (Some(Entry { state: State::Refused(refused), rejections: rejections + 1 }), false)
        })
    }

    /// The tag that objects of ours carry on hosts.
    pub(crate) fn tag(&self) -> &str {
        self.tag.as_str()
    }

    /// Whether look-ups give out this very key.
    pub(crate) fn is_in_use(&self, name: &GrantName, fingerprint: &str) -> bool {
        let entry = self.table.get(name);
        matches!(entry, Some(Entry { state: State::Ready(ready), .. }) if *ready.key.fingerprint == *fingerprint)
    }

    /// Ensures grants anew that were seen to be broken on their hosts.
    pub(crate) fn look_again(&self, names: &[GrantName]) {
        for name in names {
            self.lose(name);
            let group = name.group_id.to_string().into();
            let asked = Asked { host: name.host.clone(), user: Arc::clone(&name.user), group };
            // When there is no room the next request that wants the key asks for it, or the next look.
            let _ = self.flights.join(&asked);
        }
    }

    /// Notes until when a key's quota is used up; `None`: no longer.
    pub(crate) fn limit(&self, key: &ManagedKey, until: Option<Timestamp>) {
        let name = GrantName { host: key.host.clone(), user: Arc::clone(&key.user), group_id: key.group_id };
        self.table.update(&name, |mut entry| {
            if let Some(Entry { state: State::Ready(ready), .. }) = &mut entry
                && ready.key.fingerprint == key.fingerprint
            {
                ready.limited_until = until;
            }
            (entry, ())
        });
    }
}

impl ManagedKeys for ManagedAccess {
    fn look_up(&self, wanted: Wanted<'_>, now: Timestamp) -> Lookup {
        self.table.look_up(wanted, now)
    }

    fn obtain<'a>(&'a self, wanted: Wanted<'a>, limit: Duration) -> Obtaining<'a> {
        Box::pin(async move {
            match self.look_up(wanted, self.now()) {
                Lookup::Ready(key) => Ok(key),
                Lookup::Refused(refused) => Err(Unobtainable::Refused(refused)),
                Lookup::Cold => self.fly(&Asked::of(wanted), limit).await,
            }
        })
    }

    fn report(&self, key: &ManagedKey, said: GatewaySaid, now: Timestamp) {
        match said {
            GatewaySaid::QuotaExhausted { until } => {
                let rest = || now.checked_add(self.policy.quota_rest).ok();
                self.limit(key, until.filter(|until| *until > now).or_else(rest));
            }
            GatewaySaid::Refused => {
                if !self.doubt(key, now) {
                    return;
                }
                let group = key.group_id.to_string().into();
                let asked = Asked { host: key.host.clone(), user: Arc::clone(&key.user), group };
                // When there is no room the next request that wants the key asks for it.
                let _ = self.flights.join(&asked);
            }
        }
    }
}

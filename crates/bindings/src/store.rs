//! The promise that every engine keeps (its contract suite is `tests/contract`).

use async_trait::async_trait;
use relay_domain::{GroupId, HostId, RouteId, Scope, Timestamp};
use relay_routing::{Binding, StickyKey};

/// A binding with what it can be found by. The subject is not in it: only its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindingEntry {
    /// The sticky key.
    pub key: StickyKey,
    /// The consumer's key id; empty for an operator's action.
    pub consumer: String,
    /// The logical group.
    pub group: GroupId,
    /// The public model.
    pub model: String,
    /// What the binding is keyed by.
    pub scope: Scope,
    /// The binding itself.
    pub binding: Binding,
}

/// Which bindings are meant: all given fields must match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BindingFilter {
    /// Of this consumer.
    pub consumer: Option<String>,
    /// Of this logical group.
    pub group: Option<String>,
    /// Of this public model.
    pub model: Option<String>,
    /// To this route.
    pub route_id: Option<String>,
    /// To this host.
    pub host_id: Option<String>,
    /// This one.
    pub sticky_key: Option<StickyKey>,
}

/// One page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BindingPage {
    /// Entries by sticky key.
    pub items: Vec<BindingEntry>,
    /// Where the next page begins; `None` at the end.
    pub next_cursor: Option<String>,
}

/// Who made a response: the only host and user that can continue it (spec §4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseOwner {
    /// The route it came over.
    pub route_id: RouteId,
    /// The host.
    pub host_id: HostId,
    /// Which credential it was made with: its fingerprint.
    pub credential: String,
    /// From then on the host has forgotten it.
    pub expires_at: Timestamp,
}

/// Keeps sticky bindings. Look-ups are on the request path: no engine may make
/// them wait for a disk.
#[async_trait]
pub trait BindingStore: Send + Sync {
    /// `memory`, `sqlite` or `redis` (spec §3).
    fn backend(&self) -> &'static str;

    /// The binding of a key; `None` when there is none or it has expired.
    async fn lookup(&self, key: &StickyKey, now: Timestamp) -> Option<Binding>;

    /// Writes a binding, whatever is there.
    async fn put(&self, entry: BindingEntry);

    /// Writes a binding unless there is one that has not expired; gives the one in force.
    async fn bind_if_absent(&self, entry: BindingEntry, now: Timestamp) -> Binding;

    /// Refreshes a binding unless the stored one is for another route by now.
    async fn touch(&self, key: &StickyKey, binding: Binding);

    /// Lists by sticky key, from `cursor` on.
    async fn list(&self, filter: &BindingFilter, cursor: Option<&str>, limit: usize, now: Timestamp) -> BindingPage;

    /// Removes what matches; how many.
    async fn purge(&self, filter: &BindingFilter) -> u64;

    /// Who made a response, by the hash of its id.
    async fn response_owner(&self, response: &StickyKey, now: Timestamp) -> Option<ResponseOwner>;

    /// Remembers who made a response.
    async fn record_response_owner(&self, response: StickyKey, owner: ResponseOwner);

    /// Waits until all that was written so far survives a restart, where the engine can.
    async fn flush(&self);
}

//! The trait every engine implements.

use async_trait::async_trait;
use relay_domain::{KeyId, Timestamp};
use relay_routing::{Binding, StickyKey};

use crate::{BindingEntry, BindingFilter, BindingPage, ResponseOwner};

/// Changes did not reach the disk. They are kept and tried again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("bindings cannot be written: {reason}")]
pub struct FlushError {
    /// What the engine said.
    pub reason: String,
}

/// Where sticky bindings are kept.
///
/// No method fails for want of the engine: without it a conversation loses its
/// place, which is better than a request that fails. `now` is the caller's clock;
/// what has expired by it is not there. Dropping a future either leaves a change
/// undone or done whole.
#[async_trait]
pub trait BindingStore: Send + Sync {
    /// `memory`, `sqlite` or `redis`: the `backend` of decisions (spec §3).
    fn backend(&self) -> &'static str;

    /// The binding of a key; `None` when it has expired. Counts as a use for the
    /// order in which bindings go when the table is full.
    async fn lookup(&self, key: &StickyKey, now: Timestamp) -> Option<Binding>;

    /// Writes a binding over whatever is there.
    async fn put(&self, entry: BindingEntry);

    /// Writes a binding unless there is one that has not expired, in one step, and
    /// answers that one: of parallel first requests one gets `None` and decides for all.
    async fn bind_if_absent(&self, entry: BindingEntry, now: Timestamp) -> Option<Binding>;

    /// Refreshes a binding: later `expires_at` and `last_used_at` are taken over.
    /// Nothing happens, and the answer is `false`, when it is gone or by now for
    /// another route or host.
    async fn touch(&self, key: &StickyKey, binding: &Binding) -> bool;

    /// Live bindings that pass the filter, in the order of their keys, after the
    /// key `cursor`; at most `limit` and at least room for one.
    async fn list(
        &self,
        filter: &BindingFilter,
        cursor: Option<StickyKey>,
        limit: usize,
        now: Timestamp,
    ) -> BindingPage;

    /// Removes the bindings that pass the filter, expired ones too, and answers how
    /// many. Response owners stay: they are facts, not preferences.
    async fn purge(&self, filter: &BindingFilter) -> u64;

    /// Removes what has expired, and answers how many bindings that were. Needed
    /// for memory only: what has expired is never answered.
    async fn sweep(&self, now: Timestamp) -> u64;

    /// How many bindings are kept, expired ones that were not yet swept included.
    async fn count(&self) -> u64;

    /// Who made a response for this consumer.
    async fn response_owner(&self, consumer: &KeyId, response_id: &str, now: Timestamp) -> Option<ResponseOwner>;

    /// Records who made a response for this consumer.
    async fn record_response_owner(&self, consumer: &KeyId, response_id: &str, owner: ResponseOwner);

    /// Returns when everything changed before the call is where it survives a
    /// crash of the process; at once for an engine that keeps nothing.
    ///
    /// # Errors
    /// When that failed; the changes are kept and tried again.
    async fn flush(&self) -> Result<(), FlushError>;
}

//! What is kept of a binding, and how an operator finds it.

use std::sync::Arc;

use relay_domain::{GroupId, HostId, KeyId, RouteId, Scope, Timestamp};
use relay_routing::{Binding, StickyKey};

/// A binding with what describes it to an operator. The subject is not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindingEntry {
    /// The key it is found by.
    pub key: StickyKey,
    /// Whose conversation it is; `None` for one that an operator resolved by hand.
    pub consumer: Option<KeyId>,
    /// The logical group.
    pub group: GroupId,
    /// The public model.
    pub model: Arc<str>,
    /// What the key was made from: a user or a conversation.
    pub scope: Scope,
    /// The remembered route.
    pub binding: Binding,
}

impl BindingEntry {
    /// Whether it still counts at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.binding.expires_at
    }
}

/// Which bindings to list or purge; an absent field admits all, those given must
/// all hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BindingFilter {
    /// Only this consumer's.
    pub consumer: Option<KeyId>,
    /// Only in this logical group.
    pub group: Option<GroupId>,
    /// Only of exactly this public model.
    pub model: Option<Arc<str>>,
    /// Only on this route.
    pub route_id: Option<RouteId>,
    /// Only on this host.
    pub host_id: Option<HostId>,
    /// Only this one.
    pub sticky_key: Option<StickyKey>,
}

impl BindingFilter {
    /// Whether `entry` passes.
    pub fn admits(&self, entry: &BindingEntry) -> bool {
        fn is<T: PartialEq>(wanted: Option<&T>, value: &T) -> bool {
            wanted.is_none_or(|wanted| wanted == value)
        }
        (self.consumer.is_none() || self.consumer == entry.consumer)
            && is(self.group.as_ref(), &entry.group)
            && is(self.model.as_ref(), &entry.model)
            && is(self.route_id.as_ref(), &entry.binding.route_id)
            && is(self.host_id.as_ref(), &entry.binding.host_id)
            && is(self.sticky_key.as_ref(), &entry.key)
    }
}

/// A page of bindings, in the order of their keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BindingPage {
    /// The bindings.
    pub items: Vec<BindingEntry>,
    /// Where the next page begins, when there is more.
    pub next: Option<StickyKey>,
}

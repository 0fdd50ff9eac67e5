//! The binding that a request makes or renews.

use std::sync::Arc;

use relay_bindings::BindingEntry;
use relay_domain::{ConsumerKey, GroupId, KeyId, Scope};
use relay_routing::{Binding, Pool, StickyKey};

/// What a binding of this request is filed under.
pub(crate) struct Sticky {
    pub(crate) key: StickyKey,
    consumer: KeyId,
    group: GroupId,
    model: Arc<str>,
    scope: Scope,
}

impl Sticky {
    pub(crate) fn new(key: StickyKey, consumer: &ConsumerKey, pool: &Pool<'_>) -> Self {
        Self {
            key,
            consumer: consumer.id.clone(),
            group: pool.group.id.clone(),
            model: pool.public_model.into(),
            scope: pool.group.sticky.scope,
        }
    }

    pub(crate) fn entry(&self, binding: Binding) -> BindingEntry {
        BindingEntry {
            key: self.key,
            consumer: Some(self.consumer.clone()),
            group: self.group.clone(),
            model: Arc::clone(&self.model),
            scope: self.scope,
            binding,
        }
    }
}

//! The binding that a request makes or renews.

use std::sync::Arc;

use relay_bindings::BindingEntry;
use relay_domain::{GroupId, KeyId, Scope};
use relay_routing::{Binding, Pool, StickyKey};

/// What a binding of this request is filed under.
pub(crate) struct Sticky {
    pub(crate) key: StickyKey,
    group: GroupId,
    model: Arc<str>,
    scope: Scope,
}

impl Sticky {
    pub(crate) fn new(key: StickyKey, pool: &Pool<'_>) -> Self {
        Self { key, group: pool.group.id.clone(), model: pool.public_model.into(), scope: pool.group.sticky.scope }
    }

    pub(crate) fn entry(&self, consumer: &KeyId, binding: Binding) -> BindingEntry {
        BindingEntry {
            key: self.key,
            consumer: Some(consumer.clone()),
            group: self.group.clone(),
            model: Arc::clone(&self.model),
            scope: self.scope,
            binding,
        }
    }
}

//! Sticky bindings for operators: list, look up, purge.

use relay_bindings::BindingEntry;
pub use relay_bindings::BindingFilter;
use relay_domain::Timestamp;
pub use relay_routing::StickyKey;
use relay_store::StoreError;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::Control;
use crate::expected::{Expected, Outdated};
use crate::page::{Page, PageRequest};

/// A binding as it is shown. The subject is not known here: only its hash is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Binding)]
pub struct BindingView {
    /// Names it.
    pub sticky_key: String,
    /// The consumer's key id; null for operators' actions.
    #[schema(required)]
    pub consumer: Option<String>,
    /// The group.
    pub logical_group_id: String,
    /// The model.
    pub public_model: String,
    /// `user` or `conversation`.
    pub scope: &'static str,
    /// The route.
    pub route_id: String,
    /// Its host when it was bound.
    pub host_id: String,
    /// When it was bound.
    pub bound_at: Timestamp,
    /// When it runs out.
    pub expires_at: Timestamp,
    /// When it was last used, as far as that was written down.
    pub last_used_at: Timestamp,
    /// Whether it is away from its best route: fail-back may return it.
    pub moved: bool,
}

/// A binding was not removed.
#[derive(Debug, thiserror::Error)]
pub enum BindingError {
    /// There is none of that key.
    #[error("there is no binding \"{0}\"")]
    Unknown(StickyKey),
    /// It was used or moved since it was read.
    #[error(transparent)]
    Outdated(#[from] Outdated),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<BindingEntry> for BindingView {
    fn from(entry: BindingEntry) -> Self {
        let BindingEntry { key, consumer, group, model, scope, binding } = entry;
        Self {
            sticky_key: key.to_string(),
            consumer: consumer.map(|id| id.to_string()),
            logical_group_id: group.to_string(),
            public_model: model.to_string(),
            scope: scope.as_str(),
            route_id: binding.route_id.to_string(),
            host_id: binding.host_id.to_string(),
            bound_at: binding.bound_at,
            expires_at: binding.expires_at,
            last_used_at: binding.last_used_at,
            moved: binding.moved,
        }
    }
}

impl Control {
    /// Bindings by sticky key.
    pub async fn bindings(&self, filter: &BindingFilter, request: &PageRequest<StickyKey>) -> Page<BindingView> {
        let page = self.parts.bindings.list(filter, request.cursor, request.limit, self.now()).await;
        let next_cursor = page.next.map(|key| key.to_string());
        Page { items: page.items.into_iter().map(Into::into).collect(), next_cursor }
    }

    /// One binding.
    pub async fn binding(&self, key: StickyKey) -> Option<BindingView> {
        let filter = BindingFilter { sticky_key: Some(key), ..BindingFilter::default() };
        let page = self.parts.bindings.list(&filter, None, 1, self.now()).await;
        page.items.into_iter().next().map(Into::into)
    }

    /// Removes one binding, and audits it.
    ///
    /// # Errors
    /// See [`BindingError`].
    pub async fn delete_binding(&self, key: StickyKey, expected: &Expected, actor: &str) -> Result<(), BindingError> {
        let known = self.binding(key).await.ok_or(BindingError::Unknown(key))?;
        expected.check("binding", self.version_of(&known))?;
        let filter = BindingFilter { sticky_key: Some(key), ..BindingFilter::default() };
        if self.parts.bindings.purge(&filter).await == 0 {
            return Err(BindingError::Unknown(key));
        }
        let subjects = [format!("route:{}", known.route_id), format!("host:{}", known.host_id)];
        let (summary, details) = (format!("removed binding {key}"), json!({ "before": known }));
        self.audit_about(&subjects, actor, "bindings.delete", summary, details).await?;
        Ok(())
    }

    /// Removes the bindings that match, and audits it; how many there were.
    ///
    /// # Errors
    /// When the audit trail cannot be written; the bindings are gone all the same.
    pub async fn purge_bindings(&self, filter: &BindingFilter, actor: &str) -> Result<u64, StoreError> {
        let purged = self.parts.bindings.purge(filter).await;
        let summary = format!("purged {purged} bindings");
        let details = json!({ "filter": in_json(filter), "purged": purged });
        let subjects = [
            filter.route_id.as_ref().map(|id| format!("route:{id}")),
            filter.host_id.as_ref().map(|id| format!("host:{id}")),
            filter.group.as_ref().map(|id| format!("group:{id}")),
            filter.consumer.as_ref().map(|id| format!("key:{id}")),
        ];
        let subjects: Vec<String> = subjects.into_iter().flatten().collect();
        self.audit_about(&subjects, actor, "bindings.purge", summary, details).await?;
        Ok(purged)
    }
}

fn in_json(filter: &BindingFilter) -> Value {
    let fields = [
        ("consumer", filter.consumer.as_ref().map(ToString::to_string)),
        ("logical_group_id", filter.group.as_ref().map(ToString::to_string)),
        ("public_model", filter.model.as_ref().map(ToString::to_string)),
        ("route_id", filter.route_id.as_ref().map(ToString::to_string)),
        ("host_id", filter.host_id.as_ref().map(ToString::to_string)),
        ("sticky_key", filter.sticky_key.map(|key| key.to_string())),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::String(value?)))).collect()
}

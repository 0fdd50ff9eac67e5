//! What is on record: generations, managed resources.

use relay_domain::{Generation, HostId, Timestamp};
pub use relay_store::{GenerationFilter, ResourceFilter, ResourceKind, StoreError, UnknownResourceKind};
use relay_store::{GenerationRecord, ManagedResource};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::Control;
use crate::expected::{Expected, Outdated};
use crate::page::{Page, PageRequest, QueryError};

/// A published generation.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = Generation)]
pub struct GenerationView {
    /// Its number.
    #[schema(value_type = u64)]
    pub generation: Generation,
    /// When it was published.
    pub at: Timestamp,
    /// By whom.
    pub actor: String,
    /// One line for people.
    pub summary: String,
}

/// A published generation with what it changed.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct GenerationDetail {
    /// The generation.
    #[serde(flatten)]
    pub published: GenerationView,
    /// What it changed.
    pub diff: Value,
}

/// A managed resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ManagedResource)]
pub struct ResourceView {
    /// The host it is on.
    pub host_id: String,
    /// `group`, `user`, `subscription` or `key`.
    pub r#type: &'static str,
    /// Its name on the host.
    pub name: String,
    /// The host's id for it.
    pub remote_id: String,
    /// When it was first recorded.
    pub recorded_at: Timestamp,
    /// When it was last recorded.
    pub updated_at: Timestamp,
}

/// Names a managed resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceName {
    /// The host it is on.
    pub host: HostId,
    /// Its type.
    pub kind: ResourceKind,
    /// Its name on the host.
    pub name: String,
}

/// A managed resource was not recorded, or not forgotten.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The host is not in the fleet.
    #[error("there is no host \"{0}\"")]
    UnknownHost(HostId),
    /// The identity is recorded already, with another id.
    #[error("{} \"{}\" of host \"{}\" is recorded with id {}; delete it first", kind, name, host, remote_id)]
    Exists {
        /// The host.
        host: HostId,
        /// The type.
        kind: ResourceKind,
        /// The name.
        name: String,
        /// What is recorded.
        remote_id: String,
    },
    /// It was recorded anew since it was read.
    #[error(transparent)]
    Outdated(#[from] Outdated),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<GenerationRecord> for GenerationView {
    fn from(record: GenerationRecord) -> Self {
        let GenerationRecord { number, at, actor, summary } = record;
        Self { generation: number, at, actor, summary }
    }
}

impl From<ManagedResource> for ResourceView {
    fn from(resource: ManagedResource) -> Self {
        Self {
            host_id: resource.host.to_string(),
            r#type: resource.kind.as_str(),
            name: resource.name,
            remote_id: resource.remote_id,
            recorded_at: resource.recorded_at,
            updated_at: resource.updated_at,
        }
    }
}

impl Control {
    /// Published generations that pass the filter, newest first.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn generations(
        &self,
        filter: &GenerationFilter,
        request: &PageRequest<Generation>,
    ) -> Result<Page<GenerationView>, QueryError> {
        let records = self.parts.store.generations(filter, request.cursor, request.read_limit()).await?;
        Ok(Page::of(records, request.limit, |record| record.number.to_string()).map(Into::into))
    }

    /// One published generation.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn generation_record(&self, number: Generation) -> Result<Option<GenerationView>, StoreError> {
        let records = self.parts.store.generations(&GenerationFilter::default(), number.checked_add(1), 1).await?;
        Ok(records.into_iter().find(|record| record.number == number).map(Into::into))
    }

    /// One published generation with what it changed.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn generation_detail(&self, number: Generation) -> Result<Option<GenerationDetail>, StoreError> {
        let Some(published) = self.generation_record(number).await? else { return Ok(None) };
        let diff = self.parts.store.generation_diff(number).await?.unwrap_or_default();
        Ok(Some(GenerationDetail { published, diff }))
    }

    /// Managed resources, oldest record first.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn managed_resources(
        &self,
        filter: &ResourceFilter,
        request: &PageRequest<i64>,
    ) -> Result<Page<ResourceView>, QueryError> {
        let found = self.parts.store.managed_resources(filter, request.cursor, request.read_limit()).await?;
        Ok(Page::of(found, request.limit, |resource| resource.id.to_string()).map(Into::into))
    }

    /// Records what an operator knows of an object on a host, and audits it.
    ///
    /// # Errors
    /// See [`RecordError`].
    pub async fn record_resource(
        &self,
        named: ResourceName,
        remote_id: &str,
        actor: &str,
    ) -> Result<ResourceView, RecordError> {
        if self.snapshot().host(named.host.as_str()).is_none() {
            return Err(RecordError::UnknownHost(named.host));
        }
        let store = &self.parts.store;
        if let Some(known) = store.managed_resource(&named.host, named.kind, &named.name).await? {
            let ResourceName { host, kind, name } = named;
            return Err(RecordError::Exists { host, kind, name, remote_id: known.remote_id });
        }
        let recorded =
            store.record_managed_resource(&named.host, named.kind, &named.name, remote_id, self.now()).await?;
        let view = ResourceView::from(recorded);
        let (summary, details) = (format!("recorded {}", named.words()), json!({ "after": view }));
        self.audit_about(&[named.subject()], actor, "managed_resources.create", summary, details).await?;
        Ok(view)
    }

    /// Forgets a managed resource, and audits it; nothing is done on the host.
    /// Answers whether it was known.
    ///
    /// # Errors
    /// When it is not as expected, or the store fails.
    pub async fn forget_resource(
        &self,
        named: &ResourceName,
        expected: &Expected,
        actor: &str,
    ) -> Result<bool, RecordError> {
        let store = &self.parts.store;
        let Some(known) = store.managed_resource(&named.host, named.kind, &named.name).await? else {
            return Ok(false);
        };
        let known = ResourceView::from(known);
        expected.check("managed resource", self.version_of(&known))?;
        let was_there = store.remove_managed_resource(&named.host, named.kind, &named.name).await?;
        let (summary, details) = (format!("forgot {}", named.words()), json!({ "before": known }));
        self.audit_about(&[named.subject()], actor, "managed_resources.delete", summary, details).await?;
        Ok(was_there)
    }
}

impl ResourceName {
    fn subject(&self) -> String {
        format!("host:{}", self.host)
    }

    fn words(&self) -> String {
        format!("{} \"{}\" of host \"{}\"", self.kind, self.name, self.host)
    }
}

//! Events.

use async_trait::async_trait;

use crate::{Event, EventFilter, StoreError};

/// What operators should hear of.
#[async_trait]
pub trait EventStore: Send + Sync {
    /// Adds events; their ids are ignored.
    async fn record_events(&self, events: &[Event]) -> Result<(), StoreError>;

    /// Events, newest first, below the one numbered `before`.
    async fn events(&self, filter: &EventFilter, before: Option<i64>, limit: u32) -> Result<Vec<Event>, StoreError>;
}

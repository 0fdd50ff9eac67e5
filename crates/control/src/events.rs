//! What operators should hear of, and what was seen on hosts, as lists.

use relay_domain::Timestamp;
use relay_store::{Event, Observation};
pub use relay_store::{EventFilter, ObservationFilter, Severity};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::Control;
use crate::page::{Page, PageRequest, QueryError};

/// Something happened.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = Event)]
pub struct EventView {
    /// Its number.
    pub event_id: i64,
    /// When.
    pub at: Timestamp,
    /// What: `price_change`, `key_lost`, …
    pub kind: String,
    /// `info`, `warning` or `critical`.
    pub severity: &'static str,
    /// On which host.
    #[schema(required)]
    pub host_id: Option<String>,
    /// To what.
    pub subject: String,
    /// In words.
    pub message: String,
    /// The facts.
    pub details: Value,
}

/// Something was seen that differed from before.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = Observation)]
pub struct ObservationView {
    /// Its number.
    pub observation_id: i64,
    /// When.
    pub at: Timestamp,
    /// Where.
    pub host_id: String,
    /// `multiplier`, …
    pub kind: String,
    /// Of what.
    pub subject: String,
    /// What was seen.
    pub value: Value,
}

impl Control {
    /// Events, newest first.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn events(
        &self,
        filter: &EventFilter,
        request: &PageRequest<i64>,
    ) -> Result<Page<EventView>, QueryError> {
        let found = self.parts.store.events(filter, request.cursor, request.read_limit()).await?;
        Ok(Page::of(found, request.limit, |event| event.id.to_string()).map(Into::into))
    }

    /// Observations, newest first.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn observations(
        &self,
        filter: &ObservationFilter,
        request: &PageRequest<i64>,
    ) -> Result<Page<ObservationView>, QueryError> {
        let found = self.parts.store.observations(filter, request.cursor, request.read_limit()).await?;
        Ok(Page::of(found, request.limit, |seen| seen.id.to_string()).map(Into::into))
    }
}

impl From<Event> for EventView {
    fn from(event: Event) -> Self {
        Self {
            event_id: event.id,
            at: event.at,
            kind: event.kind,
            severity: event.severity.as_str(),
            host_id: event.host.map(|host| host.to_string()),
            subject: event.subject,
            message: event.message,
            details: event.details,
        }
    }
}

impl From<Observation> for ObservationView {
    fn from(seen: Observation) -> Self {
        Self {
            observation_id: seen.id,
            at: seen.at,
            host_id: seen.host.to_string(),
            kind: seen.kind,
            subject: seen.subject,
            value: seen.value,
        }
    }
}

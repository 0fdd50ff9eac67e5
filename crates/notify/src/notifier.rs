//! Takes events, and puts what is to be told into the outbox.

use std::sync::Arc;

use async_trait::async_trait;
use relay_domain::{Clock, Timestamp};
use relay_store::notification::{IncidentChange, NewDelivery, NotificationChannel};
use relay_store::{NotificationStore, StoreError};
use tokio::sync::Mutex;

use crate::incident::{self, Verdict};
use crate::{Channel, Event, Phase};

/// Where an operator is told from: whoever notices something holds one of these.
#[async_trait]
pub trait Raise: Send + Sync {
    /// Says that something begins, goes on, or is over. May be said as often as
    /// it is noticed: what was told is not told again. Returns when what is to
    /// be sent is on disk. Dropping the future may leave some channels untold;
    /// say it again.
    ///
    /// # Errors
    /// When the store fails. Say it again later.
    async fn raise(&self, event: Event) -> Result<(), StoreError>;
}

/// The [`Raise`] over a store.
pub struct Notifier {
    store: Arc<dyn NotificationStore>,
    clock: Arc<dyn Clock>,
    /// One event at a time: what a channel was told is read, judged and written.
    judging: Mutex<()>,
}

impl Notifier {
    /// Writes into that store.
    pub fn new(store: Arc<dyn NotificationStore>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, judging: Mutex::new(()) }
    }

    async fn tell(&self, record: &NotificationChannel, event: &Event, now: Timestamp) -> Result<(), StoreError> {
        let channel = match Channel::of(record) {
            Ok(channel) => channel,
            Err(faults) => {
                tracing::error!(channel_id = record.id, ?faults, "a notification channel cannot be read; set it anew");
                return Ok(());
            }
        };
        let key = incident::key(&channel.id, event);
        let known = self.store.incident(&key).await?;
        let verdict = incident::judge(&channel.id, event, known.as_ref(), &channel.rules, now);
        // A channel that was switched off hears nothing, and its incidents end all the same.
        let verdict = match (channel.enabled, event.phase) {
            (true, _) => verdict,
            (false, Phase::Firing) => None,
            (false, Phase::Recovered) => verdict.map(|verdict| Verdict { tell_at: None, ..verdict }),
        };
        let Some(verdict) = verdict else { return Ok(()) };
        // The end is told with the beginning that was told.
        let since = known.as_ref().map_or(event.since, |known| known.since.min(event.since));
        let delivery = verdict.tell_at.map(|next_at| NewDelivery {
            channel: channel.id.clone(),
            kind: event.kind.as_str().to_owned(),
            subject: event.subject.clone(),
            phase: event.phase.as_str().to_owned(),
            event: serde_json::to_value(Event { since, ..event.clone() }).unwrap_or_default(),
            created_at: now,
            next_at,
        });
        let change = IncidentChange { key, incident: verdict.incident, delivery };
        self.store.change_incident(&change, now).await
    }
}

#[async_trait]
impl Raise for Notifier {
    async fn raise(&self, event: Event) -> Result<(), StoreError> {
        let _judging = self.judging.lock().await;
        let now = self.clock.now();
        for record in self.store.notification_channels().await? {
            self.tell(&record, &event, now).await?;
        }
        Ok(())
    }
}

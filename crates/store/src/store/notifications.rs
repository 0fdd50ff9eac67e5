//! What is kept of notifications.

use async_trait::async_trait;
use relay_domain::Timestamp;

use crate::StoreError;
use crate::notification::{
    AttemptEnd, Delivery, DeliveryFilter, Incident, IncidentChange, IncidentKey, NewDelivery, NotificationChannel,
};

/// Channels, incidents and the outbox. Promises as of [`Store`](crate::Store).
#[async_trait]
pub trait NotificationStore: Send + Sync {
    /// All channels with their secrets opened, by id.
    async fn notification_channels(&self) -> Result<Vec<NotificationChannel>, StoreError>;

    /// One channel.
    async fn notification_channel(&self, id: &str) -> Result<Option<NotificationChannel>, StoreError>;

    /// Adds a channel; `false` when its id is taken.
    async fn add_notification_channel(&self, channel: &NotificationChannel) -> Result<bool, StoreError>;

    /// Writes a channel's settings, secrets and whether it is enabled; `false` when it is not there.
    async fn update_notification_channel(&self, channel: &NotificationChannel) -> Result<bool, StoreError>;

    /// Removes a channel with its incidents; what was still to be sent to it is
    /// superseded at `at`, and its log stays. `false` when it was not there.
    async fn remove_notification_channel(&self, id: &str, at: Timestamp) -> Result<bool, StoreError>;

    /// What a channel was told of that.
    async fn incident(&self, key: &IncidentKey) -> Result<Option<Incident>, StoreError>;

    /// All incidents.
    async fn incidents(&self) -> Result<Vec<Incident>, StoreError>;

    /// Makes the change at `at`, or, when its channel is gone, nothing.
    async fn change_incident(&self, change: &IncidentChange, at: Timestamp) -> Result<(), StoreError>;

    /// Puts a message that was sent outside the outbox into the log.
    async fn record_delivery(&self, message: &NewDelivery, end: &AttemptEnd) -> Result<i64, StoreError>;

    /// Pending messages that are due at `now`, longest due first; so many of each channel
    /// at most, so that one with many of them hides no other's.
    async fn due_deliveries(&self, now: Timestamp, of_each: u32) -> Result<Vec<Delivery>, StoreError>;

    /// Counts an attempt and records how it ended. A message that was
    /// superseded while it was on its way stays so, unless it was delivered.
    async fn end_attempt(&self, id: i64, end: &AttemptEnd) -> Result<(), StoreError>;

    /// The log, newest first, below the number `before` when it is given.
    async fn deliveries(
        &self,
        filter: &DeliveryFilter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError>;

    /// Drops what was finished before `older_than`, and answers how many.
    async fn forget_deliveries(&self, older_than: Timestamp) -> Result<u64, StoreError>;
}

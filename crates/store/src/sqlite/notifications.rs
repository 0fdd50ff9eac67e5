//! Channels, incidents and the outbox of notifications.

use std::collections::BTreeMap;

use async_trait::async_trait;
use relay_domain::{Secret, Timestamp};
use serde_json::Value;
use sqlx::{SqliteConnection, SqlitePool};

use super::{SqliteStore, corrupt, fault, timestamp};
use crate::notification::{
    AttemptEnd, Delivery, DeliveryFilter, DeliveryState, Incident, IncidentChange, IncidentKey, NewDelivery,
    NotificationChannel, UnknownDeliveryState,
};
use crate::{Keyring, NotificationStore, StoreError};

#[derive(sqlx::FromRow)]
struct ChannelRow {
    channel_id: String,
    kind: String,
    enabled: bool,
    settings: String,
    secrets: String,
    created_at: i64,
    updated_at: i64,
}

impl ChannelRow {
    fn open(self, keyring: &Keyring) -> Result<NotificationChannel, StoreError> {
        let what = owner(&self.channel_id);
        let sealed = keyring.open(&what, &self.secrets);
        let sealed = sealed.map_err(|source| StoreError::Sealed { what: what.clone(), source })?;
        let secrets: BTreeMap<String, String> = serde_json::from_str(sealed.expose()).map_err(corrupt(&what))?;
        Ok(NotificationChannel {
            id: self.channel_id,
            kind: self.kind,
            enabled: self.enabled,
            settings: serde_json::from_str(&self.settings).map_err(corrupt(&what))?,
            secrets: secrets.iter().map(|(name, secret)| (name.clone(), Secret::new(secret))).collect(),
            created_at: timestamp(&what, self.created_at)?,
            updated_at: timestamp(&what, self.updated_at)?,
        })
    }
}

/// What a channel's secrets are sealed for.
fn owner(channel: &str) -> String {
    format!("notification_channel/{channel}")
}

fn seal(channel: &NotificationChannel, keyring: &Keyring) -> String {
    let secrets: BTreeMap<&str, &str> =
        channel.secrets.iter().map(|(name, secret)| (name.as_str(), secret.expose())).collect();
    let document = serde_json::to_string(&secrets).expect("a map of texts is always JSON");
    keyring.seal(&owner(&channel.id), &Secret::new(&document))
}

#[derive(sqlx::FromRow)]
struct IncidentRow {
    channel_id: String,
    kind: String,
    subject: String,
    since: i64,
    told_at: i64,
    severity: String,
    digest: String,
}

impl IncidentRow {
    fn read(self) -> Result<Incident, StoreError> {
        let what = format!("incident {} of {}", self.kind, self.channel_id);
        Ok(Incident {
            key: IncidentKey { channel: self.channel_id, kind: self.kind, subject: self.subject },
            since: timestamp(&what, self.since)?,
            told_at: timestamp(&what, self.told_at)?,
            severity: self.severity,
            digest: self.digest,
        })
    }
}

#[derive(sqlx::FromRow)]
struct DeliveryRow {
    id: i64,
    channel_id: String,
    kind: String,
    subject: String,
    phase: String,
    event: String,
    state: String,
    attempts: u32,
    created_at: i64,
    next_at: i64,
    finished_at: Option<i64>,
    last_error: Option<String>,
}

impl DeliveryRow {
    fn read(self) -> Result<Delivery, StoreError> {
        let what = format!("delivery {}", self.id);
        Ok(Delivery {
            id: self.id,
            message: NewDelivery {
                channel: self.channel_id,
                kind: self.kind,
                subject: self.subject,
                phase: self.phase,
                event: serde_json::from_str::<Value>(&self.event).map_err(corrupt(&what))?,
                created_at: timestamp(&what, self.created_at)?,
                next_at: timestamp(&what, self.next_at)?,
            },
            state: self.state.parse().map_err(corrupt::<UnknownDeliveryState>(&what))?,
            attempts: self.attempts,
            finished_at: self.finished_at.map(|at| timestamp(&what, at)).transpose()?,
            last_error: self.last_error,
        })
    }
}

fn read_deliveries(rows: Vec<DeliveryRow>) -> Result<Vec<Delivery>, StoreError> {
    rows.into_iter().map(DeliveryRow::read).collect()
}

/// When a message in that state was finished.
fn finished(state: DeliveryState, at: Timestamp) -> Option<i64> {
    (state != DeliveryState::Pending).then(|| at.as_microsecond())
}

async fn insert(
    connection: &mut SqliteConnection,
    message: &NewDelivery,
    end: Option<&AttemptEnd>,
) -> Result<i64, StoreError> {
    sqlx::query_scalar(
        "INSERT INTO notification_deliveries
             (channel_id, kind, subject, phase, event, created_at, next_at, state, attempts, finished_at, last_error)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) RETURNING id",
    )
    .bind(&message.channel)
    .bind(&message.kind)
    .bind(&message.subject)
    .bind(&message.phase)
    .bind(message.event.to_string())
    .bind(message.created_at.as_microsecond())
    .bind(message.next_at.as_microsecond())
    .bind(end.map_or(DeliveryState::Pending, |end| end.state).as_str())
    .bind(i64::from(end.is_some()))
    .bind(end.and_then(|end| finished(end.state, end.at)))
    .bind(end.and_then(|end| end.error.as_deref()))
    .fetch_one(connection)
    .await
    .map_err(fault)
}

async fn write_incident(connection: &mut SqliteConnection, change: &IncidentChange) -> Result<(), StoreError> {
    let IncidentKey { channel, kind, subject } = &change.key;
    let Some(incident) = &change.incident else {
        let forget = "DELETE FROM notification_incidents WHERE channel_id = ?1 AND kind = ?2 AND subject = ?3";
        let forget = sqlx::query(forget).bind(channel).bind(kind).bind(subject);
        return forget.execute(connection).await.map(drop).map_err(fault);
    };
    sqlx::query(
        "INSERT INTO notification_incidents (channel_id, kind, subject, since, told_at, severity, digest)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (channel_id, kind, subject) DO UPDATE SET since = excluded.since, told_at = excluded.told_at,
             severity = excluded.severity, digest = excluded.digest",
    )
    .bind(channel)
    .bind(kind)
    .bind(subject)
    .bind(incident.since.as_microsecond())
    .bind(incident.told_at.as_microsecond())
    .bind(&incident.severity)
    .bind(&incident.digest)
    .execute(connection)
    .await
    .map(drop)
    .map_err(fault)
}

async fn channels(
    readers: &SqlitePool,
    keyring: &Keyring,
    id: Option<&str>,
) -> Result<Vec<NotificationChannel>, StoreError> {
    let rows: Vec<ChannelRow> = sqlx::query_as(
        "SELECT channel_id, type AS kind, enabled, settings, secrets, created_at, updated_at
         FROM notification_channels WHERE ?1 IS NULL OR channel_id = ?1 ORDER BY channel_id",
    )
    .bind(id)
    .fetch_all(readers)
    .await
    .map_err(fault)?;
    rows.into_iter().map(|row| row.open(keyring)).collect()
}

#[async_trait]
impl NotificationStore for SqliteStore {
    async fn notification_channels(&self) -> Result<Vec<NotificationChannel>, StoreError> {
        channels(&self.readers, &self.keyring, None).await
    }

    async fn notification_channel(&self, id: &str) -> Result<Option<NotificationChannel>, StoreError> {
        channels(&self.readers, &self.keyring, Some(id)).await.map(|mut found| found.pop())
    }

    async fn add_notification_channel(&self, channel: &NotificationChannel) -> Result<bool, StoreError> {
        sqlx::query(
            "INSERT INTO notification_channels (channel_id, type, enabled, settings, secrets, created_at, updated_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
        )
        .bind(&channel.id)
        .bind(&channel.kind)
        .bind(channel.enabled)
        .bind(channel.settings.to_string())
        .bind(seal(channel, &self.keyring))
        .bind(channel.created_at.as_microsecond())
        .bind(channel.updated_at.as_microsecond())
        .execute(&self.writer)
        .await
        .map(|done| done.rows_affected() > 0)
        .map_err(fault)
    }

    async fn update_notification_channel(&self, channel: &NotificationChannel) -> Result<bool, StoreError> {
        sqlx::query(
            "UPDATE notification_channels SET enabled = ?2, settings = ?3, secrets = ?4, updated_at = ?5
             WHERE channel_id = ?1",
        )
        .bind(&channel.id)
        .bind(channel.enabled)
        .bind(channel.settings.to_string())
        .bind(seal(channel, &self.keyring))
        .bind(channel.updated_at.as_microsecond())
        .execute(&self.writer)
        .await
        .map(|done| done.rows_affected() > 0)
        .map_err(fault)
    }

    async fn remove_notification_channel(&self, id: &str, at: Timestamp) -> Result<bool, StoreError> {
        let mut transaction = self.writer.begin().await.map_err(fault)?;
        let removed = sqlx::query("DELETE FROM notification_channels WHERE channel_id = ?1")
            .bind(id)
            .execute(&mut *transaction)
            .await
            .map_err(fault)?;
        sqlx::query(
            "UPDATE notification_deliveries SET state = 'superseded', finished_at = ?2
             WHERE state = 'pending' AND channel_id = ?1",
        )
        .bind(id)
        .bind(at.as_microsecond())
        .execute(&mut *transaction)
        .await
        .map_err(fault)?;
        transaction.commit().await.map_err(fault)?;
        Ok(removed.rows_affected() > 0)
    }

    async fn incident(&self, key: &IncidentKey) -> Result<Option<Incident>, StoreError> {
        let row: Option<IncidentRow> = sqlx::query_as(
            "SELECT channel_id, kind, subject, since, told_at, severity, digest FROM notification_incidents
             WHERE channel_id = ?1 AND kind = ?2 AND subject = ?3",
        )
        .bind(&key.channel)
        .bind(&key.kind)
        .bind(&key.subject)
        .fetch_optional(&self.readers)
        .await
        .map_err(fault)?;
        row.map(IncidentRow::read).transpose()
    }

    async fn incidents(&self) -> Result<Vec<Incident>, StoreError> {
        let rows: Vec<IncidentRow> = sqlx::query_as(
            "SELECT channel_id, kind, subject, since, told_at, severity, digest FROM notification_incidents
             ORDER BY channel_id, kind, subject",
        )
        .fetch_all(&self.readers)
        .await
        .map_err(fault)?;
        rows.into_iter().map(IncidentRow::read).collect()
    }

    async fn change_incident(&self, change: &IncidentChange, at: Timestamp) -> Result<(), StoreError> {
        let IncidentKey { channel, kind, subject } = &change.key;
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(fault)?;
        let is_there: Option<i64> = sqlx::query_scalar("SELECT 1 FROM notification_channels WHERE channel_id = ?1")
            .bind(channel)
            .fetch_optional(&mut *transaction)
            .await
            .map_err(fault)?;
        if is_there.is_none() {
            return Ok(());
        }
        write_incident(&mut transaction, change).await?;
        sqlx::query(
            "UPDATE notification_deliveries SET state = 'superseded', finished_at = ?4
             WHERE state = 'pending' AND channel_id = ?1 AND kind = ?2 AND subject = ?3",
        )
        .bind(channel)
        .bind(kind)
        .bind(subject)
        .bind(at.as_microsecond())
        .execute(&mut *transaction)
        .await
        .map_err(fault)?;
        if let Some(message) = &change.delivery {
            insert(&mut transaction, message, None).await?;
        }
        transaction.commit().await.map_err(fault)
    }

    async fn record_delivery(&self, message: &NewDelivery, end: &AttemptEnd) -> Result<i64, StoreError> {
        let mut connection = self.writer.acquire().await.map_err(fault)?;
        insert(&mut connection, message, Some(end)).await
    }

    async fn due_deliveries(&self, now: Timestamp, of_each: u32) -> Result<Vec<Delivery>, StoreError> {
        let rows = sqlx::query_as(
            "SELECT id, channel_id, kind, subject, phase, event, state, attempts, created_at, next_at, finished_at, last_error
             FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY channel_id ORDER BY next_at, id) AS place
                   FROM notification_deliveries WHERE state = 'pending' AND next_at <= ?1)
             WHERE place <= ?2 ORDER BY next_at, id",
        )
        .bind(now.as_microsecond())
        .bind(of_each)
        .fetch_all(&self.readers)
        .await
        .map_err(fault)?;
        read_deliveries(rows)
    }

    async fn end_attempt(&self, id: i64, end: &AttemptEnd) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE notification_deliveries
             SET attempts = attempts + 1, state = ?2, next_at = ?3, finished_at = ?4, last_error = ?5
             WHERE id = ?1 AND (state = 'pending' OR ?2 = 'delivered')",
        )
        .bind(id)
        .bind(end.state.as_str())
        .bind(end.next_at.as_microsecond())
        .bind(finished(end.state, end.at))
        .bind(end.error.as_deref())
        .execute(&self.writer)
        .await
        .map(drop)
        .map_err(fault)
    }

    async fn deliveries(
        &self,
        filter: &DeliveryFilter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        let rows = sqlx::query_as(
            "SELECT id, channel_id, kind, subject, phase, event, state, attempts, created_at, next_at, finished_at, last_error
             FROM notification_deliveries
             WHERE id < ?1 AND (?2 IS NULL OR channel_id = ?2) AND (?3 IS NULL OR kind = ?3) AND (?4 IS NULL OR state = ?4)
             ORDER BY id DESC LIMIT ?5",
        )
        .bind(before.unwrap_or(i64::MAX))
        .bind(filter.channel.as_deref())
        .bind(filter.kind.as_deref())
        .bind(filter.state.map(DeliveryState::as_str))
        .bind(limit)
        .fetch_all(&self.readers)
        .await
        .map_err(fault)?;
        read_deliveries(rows)
    }

    async fn forget_deliveries(&self, older_than: Timestamp) -> Result<u64, StoreError> {
        sqlx::query("DELETE FROM notification_deliveries WHERE finished_at < ?1")
            .bind(older_than.as_microsecond())
            .execute(&self.writer)
            .await
            .map(|done| done.rows_affected())
            .map_err(fault)
    }
}

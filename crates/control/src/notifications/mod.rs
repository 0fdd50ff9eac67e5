//! Notifications: the operator's channels, what was sent to them, and the rounds
//! that notice what is wrong with the fleet and send what is due
//! (docs/notifications.md).

pub(crate) mod conditions;
pub mod schema;
mod standing;
mod told;
pub(crate) mod watch;

use std::sync::Arc;
use std::time::{Duration, Instant};

use relay_domain::{Secret, Timestamp};
pub use relay_notify::Wrong;
use relay_notify::channels::Outcome;
use relay_notify::{Channel, Event, Fault, Notifier, Raise, Sender, Transport, channel};
use relay_store::notification::{Delivery, NotificationChannel};
pub use relay_store::notification::{DeliveryFilter, DeliveryState, UnknownDeliveryState};
use relay_store::{NotificationStore, StoreError};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use self::watch::Watch;
use crate::Control;
use crate::actions::{FieldFault, InvalidRequest};
use crate::control::ControlParts;
use crate::edit::Entry;
use crate::expected::Expected;
use crate::page::{Key, Page, PageRequest, QueryError};
use crate::view::Fields;

/// What the rounds work with.
pub(crate) struct Notifications {
    notifier: Notifier,
    sender: Sender,
    /// What was noticed, from the first round on.
    watch: tokio::sync::Mutex<Option<Watch>>,
    /// One change of a channel at a time: it is read before it is written.
    editing: tokio::sync::Mutex<()>,
    /// What held by the record at the last look.
    standing: tokio::sync::Mutex<Option<(Instant, Vec<Event>)>>,
}

/// How often the record is looked at for what lasts.
const LOOK_UP: Duration = Duration::from_mins(1);

/// Of a budget so much is used, in percent, that somebody should know.
const BUDGET_NEARLY: u32 = 90;

impl Notifications {
    pub(crate) fn new(parts: &ControlParts) -> Self {
        let store: Arc<dyn NotificationStore> = Arc::clone(&parts.store) as _;
        Self {
            notifier: Notifier::new(Arc::clone(&store), Arc::clone(&parts.clock)),
            sender: Sender::new(store, Transport::new(parts.hosts.clone()), Arc::clone(&parts.clock)),
            watch: tokio::sync::Mutex::new(None),
            editing: tokio::sync::Mutex::new(()),
            standing: tokio::sync::Mutex::new(None),
        }
    }
}

/// A channel was not created or changed.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// Its settings have faults.
    #[error("{}", InvalidRequest::from(.0.as_slice()))]
    Invalid(Vec<Fault>),
    /// There is one with that id.
    #[error("there is a notification channel \"{0}\" already")]
    Exists(String),
    /// There is none with that id.
    #[error("there is no notification channel \"{0}\"")]
    Missing(String),
    /// Somebody changed it since it was read.
    #[error("the notification channel has been changed since it was read; read it again and repeat the change on that")]
    Outdated {
        /// The version that it has now.
        current: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Which channels to list; an absent field admits all.
#[derive(Clone, Debug, Default)]
pub struct ChannelFilter {
    /// Of this type, such as `dingtalk`.
    pub kind: Option<String>,
    /// Whether anything is sent to them.
    pub enabled: Option<bool>,
}

/// What became of a test message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = TestDelivery)]
pub struct TestView {
    /// The channel.
    pub channel_id: String,
    /// Whether the service took it.
    pub delivered: bool,
    /// Why not.
    #[schema(required)]
    pub error: Option<String>,
    /// Its number among the deliveries.
    pub delivery_id: i64,
}

/// A message that was sent or is to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Delivery)]
pub struct DeliveryView {
    /// Its number.
    pub id: i64,
    /// To which channel.
    pub channel_id: String,
    /// The kind of event.
    pub kind: String,
    /// To what it happened.
    pub subject: String,
    /// `firing`, `recovered` or `test`.
    pub phase: String,
    /// `pending`, `delivered`, `failed` or `superseded`.
    pub state: &'static str,
    /// How often it was sent.
    pub attempts: u32,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it is sent next.
    #[schema(required)]
    pub next_at: Option<Timestamp>,
    /// When it was delivered, given up or overtaken.
    #[schema(required)]
    pub finished_at: Option<Timestamp>,
    /// Why the last attempt failed.
    #[schema(required)]
    pub last_error: Option<String>,
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        let Delivery { id, message, state, attempts, finished_at, last_error } = delivery;
        Self {
            id,
            channel_id: message.channel,
            kind: message.kind,
            subject: message.subject,
            phase: message.phase,
            state: state.as_str(),
            attempts,
            created_at: message.created_at,
            next_at: (state == DeliveryState::Pending).then_some(message.next_at),
            finished_at,
            last_error,
        }
    }
}

impl Control {
    /// The channels by id, without their secrets.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn notification_channels(
        &self,
        filter: &ChannelFilter,
        request: &PageRequest<Key<String>>,
    ) -> Result<Page<Fields>, QueryError> {
        let mut records = self.parts.store.notification_channels().await?;
        records.retain(|record| {
            request.is_ahead(&record.id)
                && filter.kind.as_ref().is_none_or(|kind| record.kind == *kind)
                && filter.enabled.is_none_or(|enabled| record.enabled == enabled)
        });
        Ok(Page::of(records, request.limit, |record| Key(&record.id).to_string()).map(|record| channel::view(&record)))
    }

    /// One channel, without its secrets.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn notification_channel(&self, id: &str) -> Result<Option<Entry>, StoreError> {
        let record = self.parts.store.notification_channel(id).await?;
        Ok(record.map(|record| self.channel_entry(&record)))
    }

    fn channel_entry(&self, record: &NotificationChannel) -> Entry {
        let secrets: Vec<&str> = record.secrets.values().map(Secret::expose).collect();
        Entry::new(channel::view(record), &secrets, &self.parts.keyring)
    }

    /// Adds a channel, and audits it.
    ///
    /// # Errors
    /// See [`ChannelError`].
    pub async fn create_notification_channel(&self, settings: Fields, actor: &str) -> Result<Entry, ChannelError> {
        let id = Channel::read(settings.clone()).map_err(ChannelError::Invalid)?.id;
        let record = channel::record(settings, self.now());
        let _one_at_a_time = self.notifications.editing.lock().await;
        if !self.parts.store.add_notification_channel(&record).await? {
            return Err(ChannelError::Exists(id));
        }
        let entry = self.channel_entry(&record);
        let (summary, details) = (format!("added notification channel \"{id}\""), json!({ "after": entry.fields }));
        self.audit_about(&[subject(&id)], actor, "notification_channels.create", summary, details).await?;
        Ok(entry)
    }

    /// Changes the settings that are given, `null` to their defaults, and audits
    /// it. A secret that is not given, or given as it is shown, stays.
    ///
    /// # Errors
    /// See [`ChannelError`].
    pub async fn update_notification_channel(
        &self,
        id: &str,
        changes: Fields,
        expected: &Expected,
        actor: &str,
    ) -> Result<Entry, ChannelError> {
        let store = &self.parts.store;
        let missing = || ChannelError::Missing(id.to_owned());
        let _one_at_a_time = self.notifications.editing.lock().await;
        let known = store.notification_channel(id).await?.ok_or_else(missing)?;
        self.check_channel(&known, expected)?;
        let before = channel::view(&known);
        let settings = changed(&known, changes)?;
        let record = channel::record(settings, self.now());
        let record = NotificationChannel { created_at: known.created_at, ..record };
        if !store.update_notification_channel(&record).await? {
            return Err(missing());
        }
        let after = self.channel_entry(&record);
        let summary = format!("changed notification channel \"{id}\"");
        // They are shown alike before and after.
        let other = record.secrets.iter().filter(|(name, secret)| known.secrets.get(*name) != Some(secret));
        let secrets: Vec<&String> = other.map(|(name, _)| name).collect();
        let details = json!({ "before": before, "after": after.fields, "secrets_changed": secrets });
        self.audit_about(&[subject(id)], actor, "notification_channels.update", summary, details).await?;
        Ok(after)
    }

    /// What [`Control::update_notification_channel`] would find wrong with the changes themselves.
    ///
    /// # Errors
    /// See [`ChannelError`].
    pub async fn check_channel_changes(&self, id: &str, changes: Fields) -> Result<(), ChannelError> {
        let known = self.parts.store.notification_channel(id).await?;
        changed(&known.ok_or_else(|| ChannelError::Missing(id.to_owned()))?, changes)?;
        Ok(())
    }

    fn check_channel(&self, known: &NotificationChannel, expected: &Expected) -> Result<(), ChannelError> {
        let current = self.channel_entry(known).version;
        if expected.admits(&current) { Ok(()) } else { Err(ChannelError::Outdated { current }) }
    }

    /// Removes a channel, and audits it. What was still to be sent to it is not sent; its deliveries
    /// stay on record.
    ///
    /// # Errors
    /// See [`ChannelError`].
    pub async fn delete_notification_channel(
        &self,
        id: &str,
        expected: &Expected,
        actor: &str,
    ) -> Result<(), ChannelError> {
        let store = &self.parts.store;
        let _one_at_a_time = self.notifications.editing.lock().await;
        let missing = || ChannelError::Missing(id.to_owned());
        let known = store.notification_channel(id).await?.ok_or_else(missing)?;
        self.check_channel(&known, expected)?;
        if !store.remove_notification_channel(id, self.now()).await? {
            return Err(missing());
        }
        let summary = format!("removed notification channel \"{id}\"");
        let details = json!({ "before": channel::view(&known) });
        self.audit_about(&[subject(id)], actor, "notification_channels.delete", summary, details).await?;
        Ok(())
    }

    /// Sends a test message to a channel, enabled or not, and waits for what the
    /// service says; `None` when there is no such channel.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn test_notification_channel(&self, id: &str, actor: &str) -> Result<Option<TestView>, StoreError> {
        let Some(tested) = self.notifications.sender.test(id).await? else { return Ok(None) };
        let error = match tested.outcome {
            Outcome::Delivered => None,
            Outcome::Retry { reason, .. } | Outcome::Refused { reason } => Some(reason),
        };
        let delivery_id = tested.delivery_id;
        let view = TestView { channel_id: id.to_owned(), delivered: error.is_none(), error, delivery_id };
        let summary = format!("tested notification channel \"{id}\"");
        self.audit_about(&[subject(id)], actor, "notification_channels.test", summary, json!(view)).await?;
        Ok(Some(view))
    }

    /// What was sent and is to be sent, newest first.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn notification_deliveries(
        &self,
        filter: &DeliveryFilter,
        request: &PageRequest<i64>,
    ) -> Result<Page<DeliveryView>, QueryError> {
        let found = self.parts.store.deliveries(filter, request.cursor, request.read_limit()).await?;
        Ok(Page::of(found, request.limit, |delivery| delivery.id.to_string()).map(Into::into))
    }

    /// Looks at the fleet, the log, budgets and the record, and raises what begins, goes on or is
    /// over, and what was put on record; answers how much that was. To be called every few seconds. What
    /// could not be raised is raised by the next call.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn notice(&self, now: Instant) -> Result<usize, StoreError> {
        let wall = self.now();
        let mut holding = conditions::holding(
            &self.parts.health.report(now, wall),
            &self.snapshot(),
            &self.parts.ledger.stats(),
            wall,
        );
        holding.extend(conditions::budgets(&(self.parts.budgets)(BUDGET_NEARLY), wall));
        holding.extend(self.standing_lately(now, wall).await?);
        let mut slot = self.notifications.watch.lock().await;
        let mut watch = match &*slot {
            Some(watch) => watch.clone(),
            None => Watch::resume(&self.parts.store.incidents().await?, wall),
        };
        let events = watch.step(holding, wall);
        let raised = events.len();
        for event in events {
            self.raise(event).await?;
        }
        *slot = Some(watch);
        Ok(raised + self.tell_recorded().await?)
    }

    /// What lasts by the record, looked up now and then.
    async fn standing_lately(&self, now: Instant, wall: Timestamp) -> Result<Vec<Event>, StoreError> {
        let mut slot = self.notifications.standing.lock().await;
        if let Some((looked, standing)) = &*slot
            && now.saturating_duration_since(*looked) < LOOK_UP
        {
            return Ok(standing.iter().map(|event| Event { at: wall, ..event.clone() }).collect());
        }
        let standing = self.standing(wall).await?;
        *slot = Some((now, standing.clone()));
        Ok(standing)
    }

    /// Sends what is due. To be called every few seconds; takes as long as the
    /// slowest service, 15 s at most for each of its messages. Dropping the
    /// future may send a message twice.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn send_notifications(&self) -> Result<usize, StoreError> {
        self.notifications.sender.send_due().await
    }
}

#[async_trait::async_trait]
impl Raise for Control {
    async fn raise(&self, event: Event) -> Result<(), StoreError> {
        self.notifications.notifier.raise(event).await
    }
}

fn subject(id: &str) -> String {
    format!("channel:{id}")
}

impl From<&[Fault]> for InvalidRequest {
    fn from(faults: &[Fault]) -> Self {
        let fault = |fault: &Fault| FieldFault { field: fault.field.clone(), message: fault.wrong.to_string() };
        Self(faults.iter().map(fault).collect())
    }
}

/// What is wrong with the settings of a new channel.
///
/// # Errors
/// All faults.
pub fn check(settings: Fields) -> Result<(), InvalidRequest> {
    Channel::read(settings).map(drop).map_err(|faults| faults.as_slice().into())
}

/// The settings of a channel with changes laid over them.
fn changed(known: &NotificationChannel, changes: Fields) -> Result<Fields, ChannelError> {
    let (shown, mut settings) = (channel::view(known), channel::members(known));
    let mut faults = Vec::new();
    for (field, value) in changes {
        match field.as_str() {
            "id" | "type" if settings.get(&field) != Some(&value) => faults.push(Fault { field, wrong: Wrong::Fixed }),
            _ if known.secrets.contains_key(&field) && shown.get(&field) == Some(&value) => {}
            _ if value.is_null() => drop(settings.shift_remove(&field)),
            _ => drop(settings.insert(field, value)),
        }
    }
    faults.extend(Channel::read(settings.clone()).err().into_iter().flatten());
    if faults.is_empty() { Ok(settings) } else { Err(ChannelError::Invalid(faults)) }
}

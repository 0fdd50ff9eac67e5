//! Empties the outbox: sends what is due, and says what became of it. A message
//! is sent at least once: when the process dies between the service's answer and
//! its record, it is sent again.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use relay_domain::Clock;
use relay_store::notification::{AttemptEnd, Delivery, DeliveryState, NewDelivery, NotificationChannel};
use relay_store::{NotificationStore, StoreError};
use url::Url;

use crate::channels::{Notice, Outcome};
use crate::pace::Pace;
use crate::{Channel, Event, Fault, Kind, Message, Phase, Severity, Transport, backoff};

/// Messages of each channel taken from the outbox at once.
const BATCH: u32 = 100;

/// So many messages that are due for people at the same moment are told as one: a robot takes
/// twenty a minute, and nobody reads more than one. What had to wait for the next minute is
/// told as one, however few it is.
const BURST: usize = 5;

/// Why a test was not sent.
const SENT_ENOUGH: &str = "not sent: the channel has had its 20 messages of this minute; test it again in a minute";

/// Secrets shorter than this are not looked for in texts: they would match anywhere.
const LEAST_SECRET: usize = 6;

/// Sends what is due.
pub struct Sender {
    store: Arc<dyn NotificationStore>,
    transport: Transport,
    clock: Arc<dyn Clock>,
    pace: Pace,
}

/// What became of a test message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tested {
    /// Its number in the log.
    pub delivery_id: i64,
    /// What the service made of it.
    pub outcome: Outcome,
}

impl Sender {
    /// Sends what is in that store.
    pub fn new(store: Arc<dyn NotificationStore>, transport: Transport, clock: Arc<dyn Clock>) -> Self {
        Self { store, transport, clock, pace: Pace::default() }
    }

    /// Sends what is due now, and answers how many attempts that were. Channels
    /// do not wait for each other; a channel that is not well keeps its further
    /// messages for the next call, and so does one of people who were sent enough for
    /// a minute. Many at once, and what had to wait, are told to people in one message.
    /// Dropping the future may send a message twice.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn send_due(&self) -> Result<usize, StoreError> {
        let due = self.store.due_deliveries(self.clock.now(), BATCH).await?;
        let mut by_channel: BTreeMap<String, Vec<Delivery>> = BTreeMap::new();
        for delivery in due {
            by_channel.entry(delivery.message.channel.clone()).or_default().push(delivery);
        }
        let sending = by_channel.iter().map(|(id, deliveries)| self.send_to(id, deliveries));
        futures_util::future::join_all(sending).await.into_iter().sum()
    }

    async fn send_to(&self, id: &str, deliveries: &[Delivery]) -> Result<usize, StoreError> {
        let record = self.store.notification_channel(id).await?;
        let mut attempts = 0;
        let for_people = record.as_ref().is_some_and(is_for_people);
        let many = if self.pace.has_waited(id) { 1 } else { BURST };
        for told in deliveries.chunks(told_at_once(for_people, many, deliveries)) {
            let outcome = match &record {
                Some(record) if record.enabled => self.attempt(record, told).await,
                Some(_) => Some(Outcome::refused("the channel is disabled")),
                None => Some(Outcome::refused("the channel is gone")),
            };
            // What is told as one is tried again as one.
            if !matches!(outcome, Some(Outcome::Retry { .. })) {
                self.pace.set_waiting(id, outcome.is_none());
            }
            let Some(outcome) = outcome else { break };
            attempts += 1;
            for delivery in told {
                let end = end(outcome.clone(), delivery.attempts + 1, self.clock.now());
                if let (DeliveryState::Failed, Some(error)) = (end.state, &end.error) {
                    tracing::error!(channel_id = id, delivery_id = delivery.id, error, "gave up a notification");
                }
                self.store.end_attempt(delivery.id, &end).await?;
            }
            if matches!(outcome, Outcome::Retry { .. }) {
                break;
            }
        }
        Ok(attempts)
    }

    /// Sends a test message to a channel, enabled or not, whatever its rules,
    /// and puts it into the log; it is not tried again, and not sent to a channel
    /// that was sent enough for a minute. `None` when there is no such channel.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn test(&self, id: &str) -> Result<Option<Tested>, StoreError> {
        let Some(record) = self.store.notification_channel(id).await? else { return Ok(None) };
        let now = self.clock.now();
        let event = Event {
            kind: Kind::Test,
            phase: Phase::Firing,
            severity: Severity::Info,
            subject: id.to_owned(),
            facts: serde_json::Map::new(),
            since: now,
            at: now,
        };
        let message = NewDelivery {
            channel: id.to_owned(),
            kind: Kind::Test.as_str().to_owned(),
            subject: id.to_owned(),
            phase: "test".to_owned(),
            event: serde_json::to_value(&event).unwrap_or_default(),
            created_at: now,
            next_at: now,
        };
        // It gets its number when it is put into the log.
        let (state, finished_at, last_error) = (DeliveryState::Pending, None, None);
        let tested = Delivery { id: 0, message, state, attempts: 0, finished_at, last_error };
        let outcome = self.attempt(&record, std::slice::from_ref(&tested)).await;
        let outcome = outcome.unwrap_or_else(|| Outcome::refused(SENT_ENOUGH));
        let mut end = end(outcome.clone(), 1, self.clock.now());
        if end.state == DeliveryState::Pending {
            end.state = DeliveryState::Failed;
        }
        let delivery_id = self.store.record_delivery(&tested.message, &end).await?;
        Ok(Some(Tested { delivery_id, outcome }))
    }

    /// Sends these as one message; `None` when the channel was sent enough for now.
    async fn attempt(&self, record: &NotificationChannel, deliveries: &[Delivery]) -> Option<Outcome> {
        let channel = match Channel::of(record) {
            Ok(channel) => channel,
            Err(faults) => return Some(Outcome::refused(format!("the channel cannot be read: {}", words(&faults)))),
        };
        let events: Option<Vec<Event>> = deliveries.iter().map(event).collect();
        let (Some(events), Some(first)) = (events, deliveries.first()) else {
            return Some(Outcome::refused("the event is not one that this version knows"));
        };
        let message = match &events[..] {
            [event] => Message::new(event, channel.language, &channel.rules.zone),
            many => Message::of_many(many, channel.language, &channel.rules.zone),
        };
        let now = self.clock.now();
        let notice = Notice { id: first.id, event: &events[0], message: &message, now };
        if channel.target.is_read_by_people() && !self.pace.begin(&record.id, now) {
            return None;
        }
        let outcome = self.transport.send(&channel, notice).await;
        self.pace.end(&record.id, now, self.clock.now());
        Some(match outcome {
            Outcome::Delivered => Outcome::Delivered,
            Outcome::Retry { reason, after } => Outcome::Retry { reason: without_secrets(reason, record), after },
            Outcome::Refused { reason } => Outcome::Refused { reason: without_secrets(reason, record) },
        })
    }
}

fn event(delivery: &Delivery) -> Option<Event> {
    serde_json::from_value(delivery.message.event.clone()).ok()
}

/// Whether people read what is sent there.
fn is_for_people(record: &NotificationChannel) -> bool {
    Channel::of(record).is_ok_and(|channel| channel.target.is_read_by_people())
}

/// How many of them one message tells: all, when they are so many and people read them.
fn told_at_once(for_people: bool, many: usize, deliveries: &[Delivery]) -> usize {
    let is_burst = deliveries.len() >= many && deliveries.iter().all(|delivery| event(delivery).is_some());
    if for_people && is_burst { deliveries.len() } else { 1 }
}

/// What an outcome means for a message that was sent `attempts` times.
fn end(outcome: Outcome, attempts: u32, now: Timestamp) -> AttemptEnd {
    let ended = |state, error| AttemptEnd { state, at: now, next_at: now, error };
    match outcome {
        Outcome::Delivered => ended(DeliveryState::Delivered, None),
        Outcome::Refused { reason } => ended(DeliveryState::Failed, Some(reason)),
        Outcome::Retry { reason, after } => match backoff::wait(attempts, after) {
            Some(wait) => {
                let next_at = now.saturating_add(wait).unwrap_or(now);
                AttemptEnd { next_at, ..ended(DeliveryState::Pending, Some(reason)) }
            }
            None => ended(DeliveryState::Failed, Some(format!("given up after {attempts} attempts: {reason}"))),
        },
    }
}

fn words(faults: &[Fault]) -> String {
    let words: Vec<_> = faults.iter().map(|fault| format!("{} {}", fault.field, fault.wrong)).collect();
    words.join("; ")
}

/// A service may answer with what it was sent, and reasons are shown.
fn without_secrets(mut reason: String, record: &NotificationChannel) -> String {
    for secret in record.secrets.values() {
        let url = Url::parse(secret.expose()).ok();
        let values = url.iter().flat_map(Url::query_pairs).map(|(_, value)| value.into_owned());
        let last = url.iter().filter_map(|url| url.path_segments()?.next_back().map(str::to_owned));
        for text in values.chain(last).chain([secret.expose().to_owned()]) {
            if text.len() >= LEAST_SECRET {
                reason = reason.replace(&text, "…");
            }
        }
    }
    reason
}

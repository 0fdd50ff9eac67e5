//! Notifications at rest: where they go, what was told, what is still to be sent.
//!
//! Plain records: what an event means, when it is told and how a channel is
//! spoken to is not known here.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use relay_domain::{Secret, Timestamp};
use serde_json::Value;

/// Where notifications go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotificationChannel {
    /// Its name, for people and in paths.
    pub id: String,
    /// What kind of service it is, such as `dingtalk`; never changes.
    pub kind: String,
    /// Whether anything is sent to it.
    pub enabled: bool,
    /// Everything about it that anybody may read, as an object.
    pub settings: Value,
    /// What nobody may read, by name. Sealed at rest.
    pub secrets: BTreeMap<String, Secret>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// What an incident is known by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct IncidentKey {
    /// The channel that was told.
    pub channel: String,
    /// The kind of event.
    pub kind: String,
    /// To what it happened.
    pub subject: String,
}

/// What a channel was told and has not heard the end of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// What it is known by.
    pub key: IncidentKey,
    /// When it began.
    pub since: Timestamp,
    /// When it was, or will be, told last.
    pub told_at: Timestamp,
    /// How grave it was then.
    pub severity: String,
    /// Tells the facts of then from others.
    pub digest: String,
}

/// What changes with an event, in one transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct IncidentChange {
    /// Which incident.
    pub key: IncidentKey,
    /// What is remembered from now on; `None` forgets it.
    pub incident: Option<Incident>,
    /// A message to send. Older ones of the same incident that have not been
    /// sent are overtaken, whether there is a new one or not.
    pub delivery: Option<NewDelivery>,
}

/// A message for the outbox.
#[derive(Clone, Debug, PartialEq)]
pub struct NewDelivery {
    /// To which channel.
    pub channel: String,
    /// The kind of event.
    pub kind: String,
    /// To what it happened.
    pub subject: String,
    /// `firing`, `recovered` or `test`.
    pub phase: String,
    /// The event itself.
    pub event: Value,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it is to be sent.
    pub next_at: Timestamp,
}

/// A message in the outbox or its log.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Its number.
    pub id: i64,
    /// What was written.
    pub message: NewDelivery,
    /// What has become of it.
    pub state: DeliveryState,
    /// How often it was sent.
    pub attempts: u32,
    /// When it was delivered, given up or overtaken.
    pub finished_at: Option<Timestamp>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
}

/// What has become of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is to be sent, or sent again.
    Pending,
    /// The service took it.
    Delivered,
    /// It was given up.
    Failed,
    /// A later message said it all before it was sent.
    Superseded,
}

impl DeliveryState {
    const ALL: [Self; 4] = [Self::Pending, Self::Delivered, Self::Failed, Self::Superseded];

    /// The word in the database and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Superseded => "superseded",
        }
    }
}

impl fmt::Display for DeliveryState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Not the state of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is none of pending, delivered, failed, superseded")]
pub struct UnknownDeliveryState;

impl FromStr for DeliveryState {
    type Err = UnknownDeliveryState;

    fn from_str(text: &str) -> Result<Self, UnknownDeliveryState> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or(UnknownDeliveryState)
    }
}

/// How an attempt to send ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptEnd {
    /// What becomes of the message.
    pub state: DeliveryState,
    /// When the attempt ended.
    pub at: Timestamp,
    /// When the next is due; counts while the message is pending.
    pub next_at: Timestamp,
    /// Why it failed.
    pub error: Option<String>,
}

/// Which deliveries; an absent field admits all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Only those to this channel.
    pub channel: Option<String>,
    /// Only those of this kind of event.
    pub kind: Option<String>,
    /// Only those in this state.
    pub state: Option<DeliveryState>,
}

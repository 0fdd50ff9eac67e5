//! The services that carry messages, one a file: how a message is put into a
//! request, exactly as the service documents it, and what its answer means.
//!
//! Nothing here sends anything.

/// A `Debug` that names the type and shows nothing of it: a URL or an id in it is a secret.
macro_rules! redacted {
    ($name:ident) => {
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}

pub mod bark;
pub mod dingtalk;
pub mod email;
pub mod feishu;
mod robot;
pub mod telegram;
pub mod webhook;
pub mod wecom;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use url::Url;

use crate::fields::Fields;
use crate::message::shorten;
use crate::{Event, Message, Wrong};

/// Longest reason that is kept of a failure, in bytes.
const MAX_REASON: usize = 300;

/// A service with all that it needs.
#[derive(Clone, Debug)]
pub enum Target {
    /// Our own format, signed.
    Webhook(webhook::Webhook),
    /// A group robot of DingTalk.
    DingTalk(dingtalk::DingTalk),
    /// A group bot of Feishu, or Lark.
    Feishu(feishu::Feishu),
    /// A group robot of WeCom.
    WeCom(wecom::WeCom),
    /// A Telegram bot.
    Telegram(telegram::Telegram),
    /// The Bark app on iOS.
    Bark(bark::Bark),
    /// E-mail over SMTP.
    Email(email::Email),
}

/// What is sent, with what it was made from.
#[derive(Clone, Copy, Debug)]
pub struct Notice<'a> {
    /// Its number in the log of deliveries; stays the same over retries.
    pub id: i64,
    /// The event.
    pub event: &'a Event,
    /// The event in words.
    pub message: &'a Message,
    /// When it is sent.
    pub now: Timestamp,
}

/// A service that takes messages by HTTP.
pub trait HttpService {
    /// The message as the service wants it.
    fn request(&self, notice: Notice<'_>) -> HttpRequest;

    /// What the service's answer means.
    fn judge(&self, answer: &Answer<'_>) -> Outcome;
}

/// A `POST` to a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// Where to; secret.
    pub url: Url,
    /// Header fields beside `Content-Type: application/json`.
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: String,
}

/// What a service answered.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// HTTP status.
    pub status: u16,
    /// `Retry-After`.
    pub retry_after: Option<Duration>,
    /// The beginning of the body.
    pub body: &'a [u8],
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The service took it.
    Delivered,
    /// It may be taken later.
    Retry {
        /// Why not now.
        reason: String,
        /// How long the service wants to be left alone.
        after: Option<Duration>,
    },
    /// It will not be taken, whenever it is sent: somebody must change the channel.
    Refused {
        /// Why.
        reason: String,
    },
}

impl Outcome {
    /// A failure that may pass.
    pub fn retry(reason: impl Into<String>) -> Self {
        Self::Retry { reason: reason.into(), after: None }
    }

    /// A failure that will not.
    pub fn refused(reason: impl Into<String>) -> Self {
        Self::Refused { reason: reason.into() }
    }
}

impl Target {
    /// Whether people read what is sent there, one message after the other.
    pub fn is_read_by_people(&self) -> bool {
        !matches!(self, Self::Webhook(_))
    }

    /// Reads the settings of that type of service; `None` beside a fault when
    /// there is no such type.
    pub(crate) fn read(kind: &str, fields: &mut Fields, allow_private: bool) -> Option<Self> {
        Some(match kind {
            "webhook" => Self::Webhook(webhook::Webhook::read(fields, allow_private)),
            "dingtalk" => Self::DingTalk(dingtalk::DingTalk::read(fields, allow_private)),
            "feishu" => Self::Feishu(feishu::Feishu::read(fields, allow_private)),
            "wecom" => Self::WeCom(wecom::WeCom::read(fields, allow_private)),
            "telegram" => Self::Telegram(telegram::Telegram::read(fields, allow_private)),
            "bark" => Self::Bark(bark::Bark::read(fields, allow_private)),
            "email" => Self::Email(email::Email::read(fields, allow_private)),
            // The fault was told when the type was required.
            "" => return None,
            _ => {
                fields.fault("type", Wrong::Service);
                return None;
            }
        })
    }
}

/// What an HTTP status alone says; `None` when the body decides.
fn by_status(answer: &Answer<'_>) -> Option<Outcome> {
    let reason = || format!("HTTP {}: {}", answer.status, excerpt(answer.body));
    match answer.status {
        200..=299 => None,
        300..=399 => Some(Outcome::refused(format!("HTTP {}: redirects are not followed", answer.status))),
        408 | 425 | 429 | 500.. => Some(Outcome::Retry { reason: reason(), after: answer.retry_after }),
        _ => Some(Outcome::refused(reason())),
    }
}

/// The body as JSON.
fn json(answer: &Answer<'_>) -> Result<Value, Outcome> {
    serde_json::from_slice(answer.body).map_err(|_| Outcome::retry(not_theirs(answer)))
}

/// An answer that the service documents nothing of.
fn not_theirs(answer: &Answer<'_>) -> String {
    format!("the answer is not the service's: {}", excerpt(answer.body))
}

/// The beginning of a body, on one line.
fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(4 * MAX_REASON)]);
    let words: Vec<_> = text.split_whitespace().collect();
    shorten(&words.join(" "), MAX_REASON)
}

/// A reason with the service's own code.
fn coded(code: &Value, message: &Value) -> String {
    let message = message.as_str().map_or_else(|| message.to_string(), str::to_owned);
    let code = code.as_str().map_or_else(|| code.to_string(), str::to_owned);
    shorten(&format!("code {code}: {message}"), MAX_REASON)
}

#[cfg(test)]
pub(crate) mod samples {
    //! One event and the text of its requests, for the golden files.

    use jiff::tz::TimeZone;
    use serde_json::json;

    use super::*;
    use crate::channel::Channel;
    use crate::{Kind, Language, Phase, Severity};

    pub(crate) fn event(phase: Phase) -> Event {
        let Value::Object(facts) = json!({ "class": "transport_error" }) else { panic!("an object") };
        let (since, at) = ("2026-11-26T04:00:00Z".parse().unwrap(), "2026-11-26T04:05:00Z".parse().unwrap());
        Event { kind: Kind::HostDown, phase, severity: Severity::Critical, subject: "tokyo-1".into(), facts, since, at }
    }

    /// The target that such settings make.
    pub(crate) fn target(settings: Value) -> Target {
        let Value::Object(mut members) = settings else { panic!("an object") };
        members.insert("id".into(), "ops".into());
        Channel::read(members).unwrap_or_else(|faults| panic!("{faults:?}")).target
    }

    pub(crate) fn with_notice<T>(phase: Phase, language: Language, make: impl FnOnce(Notice<'_>) -> T) -> T {
        let event = event(phase);
        let message = Message::new(&event, language, &TimeZone::UTC);
        make(Notice { id: 7, event: &event, message: &message, now: "2026-11-26T04:05:06Z".parse().unwrap() })
    }

    /// A request as it goes over the wire.
    pub(crate) fn wire(request: &HttpRequest) -> String {
        let headers: Vec<_> = request.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        let body: Value = serde_json::from_str(&request.body).unwrap();
        format!("POST {}\n{}\n{body:#}", request.url, headers.concat())
    }

    pub(crate) fn ok(body: &str) -> Answer<'_> {
        Answer { status: 200, retry_after: None, body: body.as_bytes() }
    }
}

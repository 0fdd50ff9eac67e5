//! What can be wrong with a setting of a channel, in English as the rest of a sentence that begins with its name.
//! The console says it its own way at the fields of its form.

use crate::event::{UnknownKind, UnknownSeverity};
use crate::message::UnknownLanguage;

/// What is wrong with a setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// No text.
    #[error("must be a string")]
    Text,
    /// Neither yes nor no.
    #[error("must be true or false")]
    Flag,
    /// No list of texts.
    #[error("must be a list of strings")]
    Texts,
    /// It has to be there.
    #[error("is required")]
    Missing,
    /// A list of nothing.
    #[error("is empty")]
    Empty,
    /// There is no such setting.
    #[error("is unknown here")]
    Unknown,
    /// It is as it was when the channel was made.
    #[error("cannot be changed; add another channel")]
    Fixed,
    /// No id; how long one may be.
    #[error("must be at most {0} lower-case letters, digits and hyphens")]
    Id(usize),
    /// No service.
    #[error("must be one of webhook, dingtalk, feishu, wecom, telegram, bark, email")]
    Service,
    /// No language of messages.
    #[error(transparent)]
    Language(#[from] UnknownLanguage),
    /// No severity.
    #[error(transparent)]
    Severity(#[from] UnknownSeverity),
    /// One of the events is none.
    #[error("\"{0}\" {UnknownKind}")]
    Event(String),
    /// No time after which to say something again.
    #[error("must be a time such as \"12h\", at least \"5m\"")]
    Repeat,
    /// No time zone.
    #[error("is no time zone; write it as \"Asia/Shanghai\"")]
    Zone,
    /// No two times of a day.
    #[error("must be {{\"from\": \"23:00\", \"to\": \"08:00\"}}, two different times")]
    QuietHours,
    /// No URL.
    #[error("is not a URL")]
    Url,
    /// A URL without TLS.
    #[error("must begin with https://; http:// needs allow_private = true")]
    Http,
    /// A URL with a user or a password.
    #[error("must not hold a user or password")]
    Userinfo,
    /// A URL with a fragment.
    #[error("must not hold a fragment")]
    Fragment,
    /// No way to encrypt mail.
    #[error("must be tls, starttls or none")]
    Encryption,
    /// Mail without TLS.
    #[error("none needs allow_private = true")]
    Plain,
    /// No port.
    #[error("must be a number from 1 to 65535")]
    Port,
    /// One of user and password alone.
    #[error("and password go together")]
    Login,
    /// No address of a mailbox.
    #[error("\"{0}\" must be an address such as ops@example.com or Ops <ops@example.com>")]
    Address(String),
    /// No token of a bot.
    #[error("must be the token of a bot, such as 123456:ABC-DEF1234")]
    BotToken,
}

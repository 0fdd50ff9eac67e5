//! Tells operators what they must know, where they are.
//!
//! An [`Event`] is [raised](Raise); [`incident`] decides for each channel, by
//! its [`Rules`], whether and when that is told; the outbox in the store keeps
//! the message until the [`Sender`] has delivered it, in the [words](message)
//! and the format of the [channel](channels).
//!
//! Everything but [`transport`] is values in, values out: `now` is an argument.
//! Nothing here watches anything or knows what is wrong with a host.
#![forbid(unsafe_code)]

pub mod backoff;
pub mod channel;
pub mod channels;
pub mod event;
pub mod fields;
pub mod incident;
pub mod message;
pub mod notifier;
pub mod pace;
pub mod quiet_hours;
pub mod rules;
pub mod sender;
pub mod signature;
pub mod transport;
mod wording;
pub mod wrong;

pub use channel::Channel;
pub use event::{Event, Kind, Phase, Severity};
pub use fields::Fault;
pub use message::{Language, Message};
pub use notifier::{Notifier, Raise};
pub use rules::Rules;
pub use sender::{Sender, Tested};
pub use transport::Transport;
pub use wrong::Wrong;

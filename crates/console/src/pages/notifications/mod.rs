//! Notification channels: what they are told, what was sent to them, making and changing them, a test message.

pub(crate) mod edit;
mod fields;
pub(crate) mod list;
pub(crate) mod test;
mod told;

use crate::query::path;

/// The page of a channel.
fn of_channel(id: &str) -> String {
    path("/notifications/channels", id)
}

//! What a channel is told, and when.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::quiet_hours::QuietHours;
use crate::{Event, Kind, Severity};

/// A channel that does not say otherwise is reminded twice a day of what lasts.
pub const DEFAULT_REPEAT: Duration = Duration::from_hours(12);

/// What a channel is told, and when.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The kinds it subscribes to; `None` is all.
    pub kinds: Option<BTreeSet<Kind>>,
    /// What matters less is not told.
    pub least: Severity,
    /// An incident that goes on is told again after this time, not sooner.
    pub repeat: Duration,
    /// When what is not critical waits.
    pub quiet: Option<QuietHours>,
    /// Where the people are: for quiet hours and for the times in messages.
    pub zone: TimeZone,
}

impl Default for Rules {
    fn default() -> Self {
        Self { kinds: None, least: Severity::Info, repeat: DEFAULT_REPEAT, quiet: None, zone: TimeZone::UTC }
    }
}

impl Rules {
    /// Whether a beginning event is for this channel.
    pub fn admit(&self, event: &Event) -> bool {
        event.severity >= self.least && self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&event.kind))
    }

    /// When something that matters so much may be told.
    pub fn earliest(&self, severity: Severity, now: Timestamp) -> Timestamp {
        if severity == Severity::Critical {
            return now;
        }
        self.quiet.and_then(|quiet| quiet.end(now, &self.zone)).unwrap_or(now)
    }
}

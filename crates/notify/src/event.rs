//! Events: what an operator should hear of.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Something happened, or is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// What.
    pub kind: Kind,
    /// Whether it begins or is over.
    pub phase: Phase,
    /// How much it matters.
    pub severity: Severity,
    /// To what it happened, such as a host's id. With the kind it names an
    /// incident, so it must be the same when the incident is over.
    pub subject: String,
    /// What is known about it, by name; no secrets. Text from hosts is welcome.
    pub facts: Map<String, Value>,
    /// When it began.
    pub since: Timestamp,
    /// When it was noticed.
    pub at: Timestamp,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A host cannot be reached, or all its routes fail together.
    HostDown,
    /// A host refuses a key.
    CredentialDead,
    /// The money on a host is used up, or nearly.
    BalanceLow,
    /// A host asks another price.
    PriceChanged,
    /// A subscription on a host ends soon.
    SubscriptionExpiring,
    /// A consumer key ends soon.
    KeyExpiring,
    /// Of the accounts behind a group of a host none can be used.
    AccountsUnavailable,
    /// A managed key has gone from its host.
    KeyLost,
    /// A key on a host that is no longer used is for a person to delete.
    KeyToDelete,
    /// A host does not offer what a route expects of it.
    Drift,
    /// The decision log cannot be written.
    LogStalled,
    /// Every route of a model is left alone.
    PanicMode,
    /// A budget is used up, or nearly.
    BudgetReached,
    /// An operator asked for it.
    Test,
}

impl Kind {
    /// All that a channel can subscribe to, in the order of the documentation.
    pub const ALL: [Self; 13] = [
        Self::HostDown,
        Self::CredentialDead,
        Self::BalanceLow,
        Self::PriceChanged,
        Self::SubscriptionExpiring,
        Self::KeyExpiring,
        Self::AccountsUnavailable,
        Self::KeyLost,
        Self::KeyToDelete,
        Self::Drift,
        Self::LogStalled,
        Self::PanicMode,
        Self::BudgetReached,
    ];

    /// The word in settings, records and payloads.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HostDown => "host_down",
            Self::CredentialDead => "credential_dead",
            Self::BalanceLow => "balance_low",
            Self::PriceChanged => "price_changed",
            Self::SubscriptionExpiring => "subscription_expiring",
            Self::KeyExpiring => "key_expiring",
            Self::AccountsUnavailable => "accounts_unavailable",
            Self::KeyLost => "key_lost",
            Self::KeyToDelete => "key_to_delete",
            Self::Drift => "drift",
            Self::LogStalled => "log_stalled",
            Self::PanicMode => "panic_mode",
            Self::BudgetReached => "budget_reached",
            Self::Test => "test",
        }
    }

    /// Whether it lasts until it is over, which is told then. The others are
    /// occasions, told anew when their facts are others: a changed price; a day
    /// on which something ends, which passes whatever is done about it; a key that is another one now.
    pub fn lasts(self) -> bool {
        match self {
            Self::PriceChanged
            | Self::SubscriptionExpiring
            | Self::KeyExpiring
            | Self::KeyLost
            | Self::KeyToDelete
            | Self::Test => false,
            Self::HostDown
            | Self::CredentialDead
            | Self::BalanceLow
            | Self::AccountsUnavailable
            | Self::Drift
            | Self::LogStalled
            | Self::PanicMode
            | Self::BudgetReached => true,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no kind of event")]
pub struct UnknownKind;

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(UnknownKind)
    }
}

/// Whether something begins or is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It is so.
    Firing,
    /// It is so no more.
    Recovered,
}

impl Phase {
    /// The word in records and payloads.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Recovered => "recovered",
        }
    }
}

/// How much something matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Somebody should look.
    Warning,
    /// Somebody has to act. Told in quiet hours too.
    Critical,
}

impl Severity {
    const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Critical];

    /// The word in settings, records and payloads.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// No severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be info, warning or critical")]
pub struct UnknownSeverity;

impl FromStr for Severity {
    type Err = UnknownSeverity;

    fn from_str(text: &str) -> Result<Self, UnknownSeverity> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == text).ok_or(UnknownSeverity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_written_as_it_is_read() {
        for kind in Kind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert_eq!("test".parse::<Kind>(), Err(UnknownKind), "a test is asked for, not subscribed to");
    }
}

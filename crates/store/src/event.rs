//! Events: what an operator should hear of.

use std::fmt;
use std::str::FromStr;

use relay_domain::{HostId, Timestamp};
use serde_json::Value;

use crate::access::{UnknownWord, words};

words! {
    /// How much it matters.
    Severity {
        /// Good to know.
        Info = "info",
        /// Somebody should look.
        Warning = "warning",
        /// Somebody has to act.
        Critical = "critical",
    }
}

/// Something happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its number; 0 before it was recorded.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// What, as a fixed word: `price_change`.
    pub kind: String,
    /// How much it matters.
    pub severity: Severity,
    /// On which host.
    pub host: Option<HostId>,
    /// To what.
    pub subject: String,
    /// One line for people, without secrets.
    pub message: String,
    /// The facts.
    pub details: Value,
}

/// Which events; an absent field admits all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Of this kind.
    pub kind: Option<String>,
    /// On this host.
    pub host: Option<HostId>,
    /// At least so grave.
    pub severity: Option<Severity>,
}

//! What is recorded of hosts beside the fleet: what they can do, the objects that
//! were seen on them, what came of work on them, and observations.

use relay_domain::{HostId, Timestamp};
use serde_json::Value;

/// What a host can do, as a probe found out. The document is the prober's.
#[derive(Clone, Debug, PartialEq)]
pub struct CapabilityRecord {
    /// The host.
    pub host: HostId,
    /// When it was probed.
    pub probed_at: Timestamp,
    /// What was found out.
    pub document: Value,
}

/// An object of a host as it was seen last.
#[derive(Clone, Debug, PartialEq)]
pub struct HostObject {
    /// `group`, `model`, …
    pub kind: String,
    /// What identifies it among its kind on its host.
    pub name: String,
    /// What was seen.
    pub document: Value,
    /// When it was first seen.
    pub first_at: Timestamp,
    /// When it was last seen.
    pub observed_at: Timestamp,
    /// Complete looks in a row that did not show it.
    pub misses: u32,
}

/// What came last of one kind of work on a host. The document is the worker's, without secrets.
#[derive(Clone, Debug, PartialEq)]
pub struct HostResult {
    /// The host.
    pub host: HostId,
    /// `try`, `probe`, `sync` or `reconcile`.
    pub work: String,
    /// When it had ended.
    pub at: Timestamp,
    /// Who asked for it.
    pub actor: String,
    /// What came of it.
    pub document: Value,
}

/// Something that was seen, and differed from what was seen before.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// Its number; 0 before it was recorded.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// Where.
    pub host: HostId,
    /// What kind: `multiplier`, …
    pub kind: String,
    /// Of what.
    pub subject: String,
    /// What was seen.
    pub value: Value,
}

/// Which observations; an absent field admits all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObservationFilter {
    /// On this host.
    pub host: Option<HostId>,
    /// Of this kind.
    pub kind: Option<String>,
    /// Of this subject.
    pub subject: Option<String>,
}

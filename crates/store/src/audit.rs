//! The audit trail: who did what, and when.

use relay_domain::{Generation, Timestamp};

/// An act to put on record that publishes no generation, such as a purge of bindings.
#[derive(Clone, Debug, PartialEq)]
pub struct NewAuditEntry {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What was done, as a fixed word: `bindings.purge`.
    pub action: String,
    /// One line for people.
    pub summary: String,
    /// Before and after, or the parameters; without secrets.
    pub details: serde_json::Value,
}

/// One entry of the trail.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditEntry {
    /// Its number: later entries have higher ones.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What was done; `publish` for a new generation.
    pub action: String,
    /// One line for people.
    pub summary: String,
    /// The generation a `publish` made.
    pub generation: Option<Generation>,
    /// Before and after, or the parameters; a generation's diff for `publish`.
    pub details: serde_json::Value,
}

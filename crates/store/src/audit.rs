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
    /// What it was done to, each as `host:tokyo-1`; the trail can be filtered by it.
    pub subjects: Vec<String>,
    /// Before and after, or the parameters; without secrets.
    pub details: serde_json::Value,
}

/// Which entries to list; an absent field admits all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// By this actor.
    pub actor: Option<String>,
    /// Of this action.
    pub action: Option<String>,
    /// About this subject, among others.
    pub subject: Option<String>,
    /// Not before this time.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub to: Option<Timestamp>,
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
    /// What was done: `publish` for a new generation by a document, `hosts.create` for one host.
    pub action: String,
    /// One line for people.
    pub summary: String,
    /// The generation that it made.
    pub generation: Option<Generation>,
    /// Before and after, or the parameters; a generation's diff when nothing else was said.
    pub details: serde_json::Value,
}

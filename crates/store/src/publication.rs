//! Publishing a fleet, and the record it leaves.

use std::sync::Arc;

use relay_domain::{Fleet, Generation, Timestamp};

/// A whole new fleet to publish.
#[derive(Clone, Debug)]
pub struct Publication {
    /// The fleet, validated; its own `generation` is ignored.
    pub fleet: Arc<Fleet>,
    /// The generation it was made from.
    pub based_on: Generation,
    /// Who publishes: an admin token's label, or `file:fleet.toml`.
    pub actor: String,
    /// One line for people.
    pub summary: String,
    /// What changes, without secrets.
    pub diff: serde_json::Value,
    /// When.
    pub at: Timestamp,
    /// What was done, for the audit trail: `publish`, or `hosts.create`.
    pub action: String,
    /// What it was done to, each as `host:tokyo-1`.
    pub subjects: Vec<String>,
    /// Before and after, without secrets; absent, the trail shows the diff.
    pub details: Option<serde_json::Value>,
}

/// Which generations to list; an absent field admits all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GenerationFilter {
    /// Published by this actor.
    pub actor: Option<String>,
    /// Not before this time.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub to: Option<Timestamp>,
}

/// One published generation.
#[derive(Clone, Debug, PartialEq)]
pub struct GenerationRecord {
    /// Its number, from 1.
    pub number: Generation,
    /// When it was published.
    pub at: Timestamp,
    /// Who published it.
    pub actor: String,
    /// One line for people.
    pub summary: String,
}

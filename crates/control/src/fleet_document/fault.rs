//! What is wrong with a fleet document: each fault names the entry and the remedy.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One fault (spec §8, "each names the entry and the remedy").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = DocumentFault)]
pub struct Fault {
    /// Where in the document: `route[2].shadow_host_id`; arrays count from 0.
    pub path: String,
    /// The entry in the operator's words: `route "gpt-tokyo"`.
    pub entry: String,
    /// What is wrong. Never holds a secret.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}; {}", self.entry, self.path, self.message, self.remedy)
    }
}

/// All faults of a document, in the document's order; never empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = if self.0.len() == 1 { "fault" } else { "faults" };
        write!(f, "the fleet document has {} {noun}", self.0.len())?;
        self.0.iter().try_for_each(|fault| write!(f, "\n- {fault}"))
    }
}

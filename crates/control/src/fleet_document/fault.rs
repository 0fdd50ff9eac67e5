//! The faults of a fleet document: each names the entry, what is wrong and the remedy.

use std::fmt;

use serde::Serialize;
use utoipa::ToSchema;

use super::Wrong;

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "DocumentFault")]
pub struct Fault {
    /// Where in the document: `route[2].shadow_host_id`; arrays count from 0.
    pub path: String,
    /// The entry in the operator's words: `route "gpt-tokyo"`.
    pub entry: String,
    /// What is wrong. Never holds a secret.
    pub wrong: Wrong,
}

impl Fault {
    /// What is wrong, in English.
    pub fn message(&self) -> String {
        self.wrong.message(self.field())
    }

    /// What to do, in English.
    pub fn remedy(&self) -> String {
        self.wrong.remedy(self.field())
    }

    fn field(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or_default()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}; {}", self.entry, self.path, self.message(), self.remedy())
    }
}

/// One fault (spec §8, "each names the entry and the remedy").
#[derive(Serialize, ToSchema)]
pub struct DocumentFault {
    /// Where in the document: `route[2].shadow_host_id`; arrays count from 0.
    path: String,
    /// The entry in the operator's words: `route "gpt-tokyo"`.
    entry: String,
    /// What is wrong. Never holds a secret.
    message: String,
    /// What to do.
    remedy: String,
}

impl From<Fault> for DocumentFault {
    fn from(fault: Fault) -> Self {
        let (message, remedy) = (fault.message(), fault.remedy());
        Self { path: fault.path, entry: fault.entry, message, remedy }
    }
}

/// All faults of a document, in the document's order; never empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = if self.0.len() == 1 { "fault" } else { "faults" };
        write!(f, "the fleet document has {} {noun}", self.0.len())?;
        self.0.iter().try_for_each(|fault| write!(f, "\n- {fault}"))
    }
}

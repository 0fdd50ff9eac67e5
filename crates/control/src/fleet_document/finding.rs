//! What the linter says: legal, and probably not meant.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Something will not work, or not for long.
    Warning,
    /// Worth knowing.
    Note,
}

/// One thing that is legal and probably not meant, with what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// Which rule: `unreachable_route`, `one_host_tier`, …; docs/plan.md lists them.
    pub code: String,
    /// How much it weighs.
    pub severity: Severity,
    /// What it is about: `route "gpt-tokyo"`.
    pub subject: String,
    /// What is the matter.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl Finding {
    pub(crate) fn warning(code: &str, subject: String, message: String, remedy: &str) -> Self {
        Self { code: code.to_owned(), severity: Severity::Warning, subject, message, remedy: remedy.to_owned() }
    }

    pub(crate) fn note(code: &str, subject: String, message: String, remedy: &str) -> Self {
        Self { severity: Severity::Note, ..Self::warning(code, subject, message, remedy) }
    }

    /// One line for people, without the remedy.
    pub fn line(&self) -> String {
        format!("{}: {}", self.subject, self.message)
    }
}

/// The findings that are warnings, a line each.
pub(crate) fn warnings(findings: &[Finding]) -> Vec<String> {
    findings.iter().filter(|finding| finding.severity == Severity::Warning).map(Finding::line).collect()
}

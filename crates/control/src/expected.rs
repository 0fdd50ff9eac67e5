//! Optimistic concurrency: which states of a thing a change may be made to.

use serde::Serialize;

use crate::Control;

/// The versions that a caller has seen and means to change; by default any (the last write wins).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected(Option<Vec<String>>);

/// Somebody changed a thing since it was read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {what} has been changed since it was read; read it again and repeat the change on that")]
pub struct Outdated {
    /// What it is, in words.
    pub what: &'static str,
    /// The version that it has now.
    pub current: String,
}

impl Expected {
    /// Only one of these versions.
    pub fn one_of(versions: Vec<String>) -> Self {
        Self(Some(versions))
    }

    /// Whether a change may be made to this version.
    pub fn admits(&self, version: &str) -> bool {
        self.0.as_ref().is_none_or(|versions| versions.iter().any(|expected| expected == version))
    }

    /// That a change may be made to the present version.
    ///
    /// # Errors
    /// It is another than the caller has seen.
    pub(crate) fn check(&self, what: &'static str, current: String) -> Result<(), Outdated> {
        if self.admits(&current) { Ok(()) } else { Err(Outdated { what, current }) }
    }
}

impl Control {
    /// The version of something that is shown so and has no secrets.
    pub fn version_of(&self, shown: &impl Serialize) -> String {
        let text = serde_json::to_string(shown).unwrap_or_default();
        self.parts.keyring.version(&[&text])
    }
}

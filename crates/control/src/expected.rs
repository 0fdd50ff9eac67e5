//! Optimistic concurrency: which states of a thing a change may be made to.

/// The versions that a caller has seen and means to change; by default any (the last write wins).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected(Option<Vec<String>>);

impl Expected {
    /// Only one of these versions.
    pub fn one_of(versions: Vec<String>) -> Self {
        Self(Some(versions))
    }

    /// Whether a change may be made to this version.
    pub fn admits(&self, version: &str) -> bool {
        self.0.as_ref().is_none_or(|versions| versions.iter().any(|expected| expected == version))
    }
}

//! Secrets that cannot be printed by accident, and where they came from.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// A secret in memory: wiped on drop, redacted in `Debug`, without `Display`.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes a secret, trimmed: no host or client sends one with spaces around it.
    pub fn new(text: &str) -> Self {
        Self(SecretString::from(text.trim()))
    }

    /// The secret itself; each use is a place to audit.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl PartialEq for Secret {
    /// For change detection between generations; not for authentication.
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}

/// Where the operator said that a secret is to be read; what `export` writes
/// back in its place (spec §8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// `{ env = "NAME" }`
    Env(String),
    /// `{ file = "path" }`
    File(String),
    /// Given by value, or generated: there is no reference to write back.
    Value,
}

/// A secret with its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSecret {
    /// The secret itself.
    pub secret: Secret,
    /// What `export` writes.
    pub source: SecretSource,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_shows_in_debug_output() {
        let stored = StoredSecret { secret: Secret::new(" sk-canary "), source: SecretSource::Env("KEY".into()) };
        assert_eq!(stored.secret.expose(), "sk-canary");
        assert!(!format!("{stored:?}").contains("canary"));
    }
}

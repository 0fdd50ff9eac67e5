//! What stickiness is keyed by.

use std::fmt;
use std::str::FromStr;

/// Sticky scope (spec §1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scope {
    /// One binding per end user.
    User,
    /// One binding per conversation.
    #[default]
    Conversation,
    /// No stickiness: each request is weighed afresh.
    None,
}

/// The text is none of `user`, `conversation`, `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be user, conversation or none")]
pub struct UnknownScope;

impl Scope {
    /// The name used on every wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Conversation => "conversation",
            Self::None => "none",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = UnknownScope;

    /// Trimmed, any case (spec §3).
    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        let text = text.trim();
        [Self::User, Self::Conversation, Self::None]
            .into_iter()
            .find(|scope| text.eq_ignore_ascii_case(scope.as_str()))
            .ok_or(UnknownScope)
    }
}

//! Public model names and the patterns routes match them with.

use std::fmt;

/// A route's `public_model`: an exact name, or a prefix written `gpt-5*`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ModelPattern {
    /// Matches only this name.
    Exact(String),
    /// Matches every name that begins so; the empty prefix (`*`) matches all.
    Prefix(String),
}

/// Why a text is not a model pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelPatternError {
    /// Nothing is left after trimming.
    #[error("is empty")]
    Empty,
    /// `*` anywhere but at the end.
    #[error("may have one * only, at its end")]
    Star,
}

impl ModelPattern {
    /// Parses a trimmed name or `prefix*`.
    ///
    /// # Errors
    /// See [`ModelPatternError`].
    pub fn parse(text: &str) -> Result<Self, ModelPatternError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ModelPatternError::Empty);
        }
        let (name, is_prefix) = text.strip_suffix('*').map_or((text, false), |prefix| (prefix, true));
        if name.contains('*') {
            return Err(ModelPatternError::Star);
        }
        Ok(if is_prefix { Self::Prefix(name.to_owned()) } else { Self::Exact(name.to_owned()) })
    }

    /// Whether this pattern matches `model`.
    pub fn matches(&self, model: &str) -> bool {
        match self {
            Self::Exact(name) => name == model,
            Self::Prefix(prefix) => model.starts_with(prefix.as_str()),
        }
    }
}

impl fmt::Display for ModelPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_exact_or_prefix() {
        assert_eq!(ModelPattern::parse(" gpt-5 "), Ok(ModelPattern::Exact("gpt-5".into())));
        assert_eq!(ModelPattern::parse("gpt-5*"), Ok(ModelPattern::Prefix("gpt-5".into())));
        assert!(ModelPattern::parse("gpt-5*").unwrap().matches("gpt-5-mini"));
        assert!(!ModelPattern::parse("gpt-5").unwrap().matches("gpt-5-mini"));
        assert_eq!(ModelPattern::parse("a*b"), Err(ModelPatternError::Star));
        assert_eq!(ModelPattern::parse(" "), Err(ModelPatternError::Empty));
    }
}

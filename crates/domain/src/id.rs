//! Identifiers: newtypes over shared strings, so that a decision record can
//! carry them without copying.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// Longest id accepted, in bytes.
pub const MAX_ID_BYTES: usize = 128;

/// Why a text is not an id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing is left after trimming.
    #[error("is empty")]
    Empty,
    /// Longer than [`MAX_ID_BYTES`].
    #[error("is longer than {MAX_ID_BYTES} bytes")]
    TooLong,
    /// A character that would need escaping in a path, a label or a log line.
    #[error("has {0:?}; use letters, digits and . _ - : @")]
    Character(char),
}

fn check(text: &str) -> Result<&str, IdError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > MAX_ID_BYTES {
        return Err(IdError::TooLong);
    }
    match text.chars().find(|c| !(c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | ':' | '@'))) {
        Some(c) => Err(IdError::Character(c)),
        None => Ok(text),
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes a trimmed id of letters, digits and `. _ - : @`.
            ///
            /// # Errors
            /// When nothing is left, it is too long, or has another character.
            pub fn new(text: &str) -> Result<Self, IdError> {
                check(text).map(|text| Self(text.into()))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The shared text, for records that outlive the fleet.
            pub fn shared(&self) -> Arc<str> {
                Arc::clone(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

id!(
    /// `host_id`: one upstream deployment.
    HostId
);
id!(
    /// `logical_group_id`: the pool a customer is given.
    GroupId
);
id!(
    /// `route_id`: one way from a group's model to a host.
    RouteId
);
id!(
    /// `key_id`: names a consumer key; never the secret itself.
    KeyId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_trimmed_and_checked() {
        let id = |text: &str| HostId::new(text).map(|id| id.as_str().to_owned());
        assert_eq!(id(" tokyo-1 "), Ok("tokyo-1".into()));
        assert_eq!(id("团队-a"), Ok("团队-a".into()));
        assert_eq!(id("  "), Err(IdError::Empty));
        assert_eq!(id("a/b"), Err(IdError::Character('/')));
        assert_eq!(id(&"x".repeat(129)), Err(IdError::TooLong));
    }
}

//! Admin tokens: who may use the control plane, and how far.

use std::fmt;
use std::str::FromStr;

use relay_domain::Timestamp;

/// What a token may do (spec §10). Each role may do what the ones after it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Everything, tokens and secrets included.
    Admin,
    /// Change the fleet and health, not tokens.
    Operator,
    /// Look.
    Viewer,
}

/// The text names no role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be admin, operator or viewer")]
pub struct UnknownRole;

impl Role {
    /// The name used on every wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Operator => "operator",
            Self::Viewer => "viewer",
        }
    }

    /// Whether this role may do what `needed` may.
    pub fn covers(self, needed: Self) -> bool {
        let rank = |role| match role {
            Self::Admin => 2,
            Self::Operator => 1,
            Self::Viewer => 0,
        };
        rank(self) >= rank(needed)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        [Self::Admin, Self::Operator, Self::Viewer].into_iter().find(|role| role.as_str() == text).ok_or(UnknownRole)
    }
}

/// Keyed hash of an admin token; the token itself is not kept (spec §10).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenHash({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

/// An admin token as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminToken {
    /// Its number, to revoke it by.
    pub id: i64,
    /// Whose it is; the actor in the audit trail.
    pub label: String,
    /// What it may do.
    pub role: Role,
    /// When it was added.
    pub created_at: Timestamp,
}

/// What became of a token that was to be revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenRemoval {
    /// It is gone.
    Removed,
    /// There is none of that number.
    Unknown,
    /// It is the only one of an admin, and stays: nobody could make another.
    LastAdmin,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_covers_itself_and_the_lesser_ones() {
        assert!(Role::Admin.covers(Role::Operator) && Role::Operator.covers(Role::Viewer));
        assert!(Role::Viewer.covers(Role::Viewer));
        assert!(!Role::Viewer.covers(Role::Operator) && !Role::Operator.covers(Role::Admin));
        assert_eq!("operator".parse(), Ok(Role::Operator));
        assert_eq!("root".parse::<Role>(), Err(UnknownRole));
    }
}

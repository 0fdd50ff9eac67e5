//! Console sessions: who is logged in, by the admin token they came in with.

use std::fmt;

use relay_domain::Timestamp;

use crate::AdminToken;

/// Keyed hash of a session's secret; the secret itself is the browser's alone.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionHash(pub [u8; 32]);

impl fmt::Debug for SessionHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionHash({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

/// A session as it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSession {
    /// What its secret hashes to.
    pub hash: SessionHash,
    /// The admin token it was opened with.
    pub token_id: i64,
    /// What the browser calls itself.
    pub user_agent: String,
    /// When.
    pub at: Timestamp,
}

/// A session that was not ended. Whether it has expired is for the caller to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsoleSession {
    /// Its number.
    pub id: i64,
    /// The token it was opened with, as it is now.
    pub token: AdminToken,
    /// What the browser called itself.
    pub user_agent: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, as far as that was written down.
    pub last_seen_at: Timestamp,
}

//! Console sessions.

use async_trait::async_trait;
use relay_domain::Timestamp;

use crate::StoreError;
use crate::session::{ConsoleSession, NewSession, SessionHash};

/// Who is logged in to the console. Promises as of [`Store`](crate::Store). A session
/// ends with the admin token it was opened with.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Adds a session, and answers its number.
    async fn add_session(&self, session: &NewSession) -> Result<i64, StoreError>;

    /// The session with that hash.
    async fn session_by_hash(&self, hash: &SessionHash) -> Result<Option<ConsoleSession>, StoreError>;

    /// Notes that a session was used at `at`.
    async fn touch_session(&self, id: i64, at: Timestamp) -> Result<(), StoreError>;

    /// The sessions opened with a token, newest first.
    async fn sessions_of(&self, token_id: i64) -> Result<Vec<ConsoleSession>, StoreError>;

    /// Ends a session; answers whether it was there.
    async fn remove_session(&self, id: i64) -> Result<bool, StoreError>;

    /// Ends every session opened with a token, and answers how many.
    async fn remove_sessions_of(&self, token_id: i64) -> Result<u64, StoreError>;

    /// Drops the sessions that began, or were last used, before these times, and answers how many.
    async fn forget_sessions(&self, begun_before: Timestamp, used_before: Timestamp) -> Result<u64, StoreError>;
}

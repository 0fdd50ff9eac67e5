//! Console sessions (spec §10): an admin token is exchanged for a secret that lives in a
//! cookie, is kept as its hash alone, and ends by itself.
//!
//! Who somebody is and what they may do is read from their token at each use: a revoked
//! token, or a lesser role, holds at once.

use std::time::Duration;

use relay_domain::{Secret, Timestamp};
use relay_store::{ConsoleSession, NewSession, StoreError, generate_session_secret};
use serde_json::json;

use crate::Control;
use crate::access::Access;

/// A session that nobody uses ends after this time.
pub const IDLE: Duration = Duration::from_hours(12);

/// A session ends after this time, however busy it is.
pub const LONGEST: Duration = Duration::from_hours(7 * 24);

/// Use is written down no more often than this: a page that refreshes itself must not write
/// to the store each time.
const TOUCH_EVERY: Duration = Duration::from_mins(1);

/// Longest name of a browser that is kept, in bytes.
const MAX_USER_AGENT: usize = 256;

/// Somebody who is logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its number.
    pub id: i64,
    /// The admin token it was opened with.
    pub token_id: i64,
    /// Who it is, and what they may do.
    pub access: Access,
    /// What the browser calls itself.
    pub user_agent: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_seen_at: Timestamp,
    /// When it ends by itself if it is not used again.
    pub expires_at: Timestamp,
}

impl From<ConsoleSession> for Session {
    fn from(stored: ConsoleSession) -> Self {
        let after = |at: Timestamp, span: Duration| at.saturating_add(span).unwrap_or(Timestamp::MAX);
        Self {
            id: stored.id,
            token_id: stored.token.id,
            access: Access { actor: stored.token.label, role: stored.token.role },
            user_agent: stored.user_agent,
            created_at: stored.created_at,
            last_seen_at: stored.last_seen_at,
            expires_at: after(stored.last_seen_at, IDLE).min(after(stored.created_at, LONGEST)),
        }
    }
}

impl Control {
    /// Exchanges an admin token for a new session's secret; `None` when nobody has that token. Audited.
    ///
    /// # Errors
    /// When the store fails. A dropped future may have opened a session that nobody holds.
    pub async fn log_in(&self, token: &Secret, user_agent: &str) -> Result<Option<Secret>, StoreError> {
        if token.expose().is_empty() {
            return Ok(None);
        }
        let hash = self.parts.keyring.hash_admin_token(token.expose());
        let Some(token) = self.parts.store.admin_token_by_hash(&hash).await? else { return Ok(None) };
        let secret = generate_session_secret();
        let session = NewSession {
            hash: self.parts.keyring.hash_session(secret.expose()),
            token_id: token.id,
            user_agent: shortened(user_agent),
            at: self.now(),
        };
        self.forget_ended_sessions().await?;
        self.parts.store.add_session(&session).await?;
        let details = json!({ "user_agent": session.user_agent });
        self.audit(&token.label, "console.log_in", "logged in to the console".to_owned(), details).await?;
        Ok(Some(secret))
    }

    /// Who holds this secret; `None` when the session has ended. Notes the use.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn session(&self, secret: &Secret) -> Result<Option<Session>, StoreError> {
        let hash = self.parts.keyring.hash_session(secret.expose());
        let found = self.parts.store.session_by_hash(&hash).await?.map(Session::from);
        let now = self.now();
        let Some(session) = found.filter(|session| now < session.expires_at) else { return Ok(None) };
        if now.duration_since(session.last_seen_at).unsigned_abs() >= TOUCH_EVERY {
            self.parts.store.touch_session(session.id, now).await?;
        }
        Ok(Some(session))
    }

    /// The token that the forms of this session carry.
    pub fn form_token(&self, secret: &Secret) -> String {
        self.parts.keyring.form_token(secret.expose())
    }

    /// The sessions of somebody, newest first, the ended ones left out.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn sessions_of(&self, token_id: i64) -> Result<Vec<Session>, StoreError> {
        let now = self.now();
        let sessions = self.parts.store.sessions_of(token_id).await?.into_iter().map(Session::from);
        Ok(sessions.filter(|session| now < session.expires_at).collect())
    }

    /// Ends a session.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn log_out(&self, session: &Session) -> Result<(), StoreError> {
        self.parts.store.remove_session(session.id).await.map(drop)
    }

    /// Ends every session that was opened with the token of this one, itself included; how many. Audited.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn log_out_everywhere(&self, session: &Session) -> Result<u64, StoreError> {
        let ended = self.parts.store.remove_sessions_of(session.token_id).await?;
        let summary = format!("ended {ended} console sessions");
        self.audit(&session.access.actor, "console.log_out_everywhere", summary, json!({ "ended": ended })).await?;
        Ok(ended)
    }

    async fn forget_ended_sessions(&self) -> Result<(), StoreError> {
        let before = |span: Duration| self.now().saturating_sub(span).unwrap_or(Timestamp::MIN);
        self.parts.store.forget_sessions(before(LONGEST), before(IDLE)).await.map(drop)
    }
}

fn shortened(text: &str) -> String {
    let mut end = text.len().min(MAX_USER_AGENT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

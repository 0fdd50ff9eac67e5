//! Admin tokens: who may use the control plane (spec §10). A token is shown once, when it is made; its label is
//! the actor of the audit trail, so no two may have the same.

use relay_domain::Timestamp;
pub use relay_store::Role;
use relay_store::{AdminToken, StoreError, TokenRemoval, generate_admin_token};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::Control;
use crate::expected::{Expected, Outdated};
use crate::page::{Page, PageRequest, QueryError};

/// Longest label, in characters: it stands in every line of the audit trail.
const MAX_LABEL: usize = 128;

/// A token as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Token)]
pub struct TokenView {
    /// Its number, to remove it by.
    pub token_id: i64,
    /// Whose it is.
    pub label: String,
    /// What it may do: `admin`, `operator` or `viewer`.
    pub role: &'static str,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A token that is shown this once.
#[derive(Clone, Serialize, ToSchema)]
pub struct IssuedToken {
    /// What is listed of it.
    #[serde(flatten)]
    pub view: TokenView,
    /// The token itself.
    pub token: String,
}

impl std::fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "IssuedToken({})", self.view.label)
    }
}

/// The tokens were not changed.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The label is no name.
    #[error("must be 1 to {MAX_LABEL} characters without line breaks")]
    Label,
    /// There is one with that label.
    #[error("there is a token \"{0}\" already; the audit trail tells people apart by it, so choose another label")]
    Exists(String),
    /// There is none of that number.
    #[error("there is no token {0}")]
    Unknown(i64),
    /// It is another one than the caller has seen.
    #[error(transparent)]
    Outdated(#[from] Outdated),
    /// Nobody could make another.
    #[error("token {0} is the last one of an admin; make another first")]
    LastAdmin(i64),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The label in a text.
///
/// # Errors
/// [`TokenError::Label`].
pub fn label_of(text: &str) -> Result<&str, TokenError> {
    let label = text.trim();
    let is_good = !label.is_empty() && label.chars().count() <= MAX_LABEL && !label.chars().any(char::is_control);
    if is_good { Ok(label) } else { Err(TokenError::Label) }
}

impl From<AdminToken> for TokenView {
    fn from(token: AdminToken) -> Self {
        let AdminToken { id, label, role, created_at } = token;
        Self { token_id: id, label, role: role.as_str(), created_at }
    }
}

impl Control {
    /// The tokens, oldest first; `role` narrows to one.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn tokens(&self, role: Option<Role>, request: &PageRequest<i64>) -> Result<Page<TokenView>, QueryError> {
        let mut tokens = self.parts.store.admin_tokens().await?;
        tokens.retain(|token| {
            request.cursor.is_none_or(|after| token.id > after) && role.is_none_or(|role| token.role == role)
        });
        tokens.truncate(request.limit + 1);
        Ok(Page::of(tokens, request.limit, |token| token.id.to_string()).map(Into::into))
    }

    /// One token.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn token(&self, id: i64) -> Result<Option<TokenView>, StoreError> {
        let tokens = self.parts.store.admin_tokens().await?;
        Ok(tokens.into_iter().find(|token| token.id == id).map(Into::into))
    }

    /// Makes a token. It is shown in the answer and nowhere else.
    ///
    /// # Errors
    /// See [`TokenError`]. A dropped future may have made it; the next list tells.
    pub async fn create_token(&self, label: &str, role: Role, actor: &str) -> Result<IssuedToken, TokenError> {
        let label = label_of(label)?;
        // Two calls at once must not both find the label free.
        let _one_at_a_time = self.publishing.lock().await;
        let store = &self.parts.store;
        if store.admin_tokens().await?.iter().any(|token| token.label == label) {
            return Err(TokenError::Exists(label.to_owned()));
        }
        let token = generate_admin_token();
        let hash = self.parts.keyring.hash_admin_token(token.expose());
        let view = TokenView::from(store.add_admin_token(label, role, &hash, self.now()).await?);
        let summary = format!("made token \"{label}\" with role {role}");
        self.audit_about(&[subject(view.token_id)], actor, "tokens.create", summary, json!({ "after": view })).await?;
        Ok(IssuedToken { view, token: token.expose().to_owned() })
    }

    /// Removes a token: whoever has it is refused from now on.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub async fn delete_token(&self, id: i64, expected: &Expected, actor: &str) -> Result<(), TokenError> {
        let known = self.token(id).await?.ok_or(TokenError::Unknown(id))?;
        expected.check("token", self.version_of(&known))?;
        match self.parts.store.remove_admin_token(id).await? {
            TokenRemoval::Removed => {}
            TokenRemoval::Unknown => return Err(TokenError::Unknown(id)),
            TokenRemoval::LastAdmin => return Err(TokenError::LastAdmin(id)),
        }
        let summary = format!("removed token \"{}\"", known.label);
        Ok(self.audit_about(&[subject(id)], actor, "tokens.delete", summary, json!({ "before": known })).await?)
    }
}

fn subject(id: i64) -> String {
    format!("token:{id}")
}

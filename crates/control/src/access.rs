//! Who may use the control plane: admin tokens, looked up by their keyed hash (spec §10).

use relay_domain::Secret;
use relay_store::StoreError;

pub use relay_store::Role;

use crate::Control;

/// Whom a token belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The token's label: the actor in the audit trail.
    pub actor: String,
    /// What it may do.
    pub role: Role,
}

impl Control {
    /// Who presents `token`; `None` when nobody has it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn authenticate(&self, token: &Secret) -> Result<Option<Access>, StoreError> {
        if token.expose().is_empty() {
            return Ok(None);
        }
        let hash = self.parts.keyring.hash_admin_token(token.expose());
        let found = self.parts.store.admin_token_by_hash(&hash).await?;
        Ok(found.map(|token| Access { actor: token.label, role: token.role }))
    }
}

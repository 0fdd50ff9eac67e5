//! What an archive is encrypted under: the master key of the installation, or a passphrase.

use argon2::{Algorithm, Argon2, Params, Version};
use relay_store::MasterKey;
use secrecy::{ExposeSecret as _, SecretBox, SecretString};
use serde::{Deserialize, Serialize};

/// OWASP's first choice for Argon2id, with more memory: opening takes some tenths of a second.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 1;

/// An archive's header may ask for no more than this, since it is read before it is trusted.
const MOST_MEMORY_KIB: u32 = 1024 * 1024;
const MOST_PASSES: u32 = 64;

/// What opens an archive.
pub enum ArchiveKey {
    /// The installation's master key.
    Master(MasterKey),
    /// A passphrase; the archive then holds the master key too.
    Passphrase(SecretString),
}

/// How the key of an archive is found; in its header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "key", rename_all = "snake_case")]
pub(crate) enum KeyHint {
    Master { key_id: String },
    Passphrase { salt: String, memory_kib: u32, passes: u32, lanes: u32 },
}

/// An archive's key was not found.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It needs the master key.
    #[error("it is encrypted under master key {0}; give that key")]
    NeedsMasterKey(String),
    /// It needs another master key.
    #[error("it is encrypted under master key {needed}, and {given} was given")]
    OtherMasterKey {
        /// The id of the key that opens it.
        needed: String,
        /// The id of the key that was given.
        given: String,
    },
    /// It needs a passphrase.
    #[error("it is encrypted under a passphrase; give that")]
    NeedsPassphrase,
    /// The header cannot be followed.
    #[error("its header is damaged")]
    Header,
}

impl KeyHint {
    pub(crate) fn new(key: &ArchiveKey) -> Self {
        match key {
            ArchiveKey::Master(master) => Self::Master { key_id: master.id() },
            ArchiveKey::Passphrase(_) => {
                let mut salt = [0; 16];
                getrandom::fill(&mut salt).expect("the operating system gives randomness");
                let salt = hex::encode(salt);
                Self::Passphrase { salt, memory_kib: MEMORY_KIB, passes: PASSES, lanes: LANES }
            }
        }
    }

    /// The key itself.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub(crate) fn derive(&self, key: &ArchiveKey) -> Result<SecretBox<[u8; 32]>, KeyError> {
        match (self, key) {
            (Self::Master { key_id }, ArchiveKey::Master(master)) if *key_id == master.id() => {
                Ok(master.derive("relay-manager 2026-11 backup archive"))
            }
            (Self::Master { key_id }, ArchiveKey::Master(master)) => {
                Err(KeyError::OtherMasterKey { needed: key_id.clone(), given: master.id() })
            }
            (Self::Master { key_id }, ArchiveKey::Passphrase(_)) => Err(KeyError::NeedsMasterKey(key_id.clone())),
            (Self::Passphrase { .. }, ArchiveKey::Master(_)) => Err(KeyError::NeedsPassphrase),
            (Self::Passphrase { salt, memory_kib, passes, lanes }, ArchiveKey::Passphrase(passphrase)) => {
                if *memory_kib > MOST_MEMORY_KIB || *passes > MOST_PASSES {
                    return Err(KeyError::Header);
                }
                let salt = hex::decode(salt).map_err(|_| KeyError::Header)?;
                let params = Params::new(*memory_kib, *passes, *lanes, Some(32)).map_err(|_| KeyError::Header)?;
                let mut derived = SecretBox::new(Box::new([0; 32]));
                let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
                let into = secrecy::ExposeSecretMut::expose_secret_mut(&mut derived);
                argon2
                    .hash_password_into(passphrase.expose_secret().as_bytes(), &salt, into)
                    .map_err(|_| KeyError::Header)?;
                Ok(derived)
            }
        }
    }
}

//! Sealing and hashing of secrets under keys derived from the master key.
//!
//! Each purpose has a sub-key of its own, so that a hash can never serve as a
//! seal or the other way round. A sealed value carries the id of the key that
//! sealed it, so that the master key can be rotated, and is bound to what it
//! belongs to (the AEAD's associated data), so that nobody with write access to
//! the database can move one host's key to another host.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use relay_domain::{KeyHash, Secret};

use crate::issue::random_bytes;
use crate::{MasterKey, SessionHash, TokenHash};

// The contexts are part of the format of every installation's data: a changed
// one would make its secrets unreadable and its keys unknown.
const SEALING_CONTEXT: &str = "relay-manager 2026-10 sealing of stored secrets";
const CONSUMER_KEY_CONTEXT: &str = "relay-manager 2026-10 consumer key hash";
const ADMIN_TOKEN_CONTEXT: &str = "relay-manager 2026-10 admin token hash";
const STICKY_CONTEXT: &str = "relay-manager 2026-10 sticky keys";
const ACCESS_CONTEXT: &str = "relay-manager 2026-11 managed access";
const VERSION_CONTEXT: &str = "relay-manager 2026-11 versions of entries";
const SESSION_CONTEXT: &str = "relay-manager 2026-11 console session hash";
const FORM_CONTEXT: &str = "relay-manager 2026-11 console form token";

/// Leads every sealed value: version 1 is XChaCha20-Poly1305.
const FORMAT: &str = "s1";
const NONCE_BYTES: usize = 24;

/// Why a sealed value was not opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Not a sealed value at all.
    #[error("it is not a sealed value")]
    Malformed,
    /// Sealed under a master key that is not at hand.
    #[error("it was sealed under master key {key_id}, which was not given")]
    UnknownKey {
        /// The id of the key that is needed.
        key_id: String,
    },
    /// Changed, or sealed for another owner.
    #[error("it was changed, or moved here from another owner")]
    Tampered,
}

struct SealingKey {
    id: String,
    cipher: XChaCha20Poly1305,
}

impl SealingKey {
    fn new(master: &MasterKey) -> Self {
        let key = blake3::derive_key(SEALING_CONTEXT, master.expose());
        Self { id: master.id(), cipher: XChaCha20Poly1305::new(&Key::from(key)) }
    }
}

/// The keys that secrets at rest live under.
pub struct Keyring {
    sealing: SealingKey,
    previous: Vec<SealingKey>,
    consumer_keys: [u8; 32],
    admin_tokens: [u8; 32],
    sticky: [u8; 32],
    access: [u8; 32],
    versions: [u8; 32],
    sessions: [u8; 32],
    forms: [u8; 32],
}

impl Keyring {
    /// Derives every sub-key from `master`.
    pub fn new(master: &MasterKey) -> Self {
        let derive = |context| blake3::derive_key(context, master.expose());
        Self {
            sealing: SealingKey::new(master),
            previous: Vec::new(),
            consumer_keys: derive(CONSUMER_KEY_CONTEXT),
            admin_tokens: derive(ADMIN_TOKEN_CONTEXT),
            sticky: derive(STICKY_CONTEXT),
            access: derive(ACCESS_CONTEXT),
            versions: derive(VERSION_CONTEXT),
            sessions: derive(SESSION_CONTEXT),
            forms: derive(FORM_CONTEXT),
        }
    }

    /// Also opens what `master` sealed. New values are sealed, and keys and
    /// tokens hashed, under the current one alone.
    #[must_use]
    pub fn with_previous(mut self, master: &MasterKey) -> Self {
        self.previous.push(SealingKey::new(master));
        self
    }

    /// Names the current master key without telling it: 8 hex digits.
    pub fn key_id(&self) -> &str {
        &self.sealing.id
    }

    /// Seals a secret for its owner, such as `host/tokyo-1/gateway_key`.
    pub fn seal(&self, owner: &str, secret: &Secret) -> String {
        let nonce = random_bytes::<NONCE_BYTES>();
        let payload = Payload { msg: secret.expose().as_bytes(), aad: owner.as_bytes() };
        let sealed = self
            .sealing
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .expect("a secret is far below the cipher's limit");
        let mut bytes = nonce.to_vec();
        bytes.extend_from_slice(&sealed);
        format!("{FORMAT}.{}.{}", self.sealing.id, URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Opens a sealed value of the same owner.
    ///
    /// # Errors
    /// See [`SealError`].
    pub fn open(&self, owner: &str, sealed: &str) -> Result<Secret, SealError> {
        let (key_id, text) = split(sealed)?;
        let key = std::iter::once(&self.sealing)
            .chain(&self.previous)
            .find(|key| key.id == key_id)
            .ok_or_else(|| SealError::UnknownKey { key_id: key_id.to_owned() })?;
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| SealError::Malformed)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or(SealError::Malformed)?;
        let payload = Payload { msg: sealed, aad: owner.as_bytes() };
        let plain = key.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| SealError::Tampered)?;
        String::from_utf8(plain).map(|text| Secret::new(&text)).map_err(|_| SealError::Tampered)
    }

    /// What a consumer key is stored and looked up as (spec §6): a keyed hash of
    /// the trimmed secret.
    pub fn hash_key(&self, secret: &str) -> KeyHash {
        KeyHash(*blake3::keyed_hash(&self.consumer_keys, secret.trim().as_bytes()).as_bytes())
    }

    /// What an admin token is stored and looked up as: a keyed hash of the
    /// trimmed token.
    pub fn hash_admin_token(&self, token: &str) -> TokenHash {
        TokenHash(*blake3::keyed_hash(&self.admin_tokens, token.trim().as_bytes()).as_bytes())
    }

    /// What a console session is stored and looked up as: a keyed hash of its secret.
    pub fn hash_session(&self, secret: &str) -> SessionHash {
        SessionHash(*blake3::keyed_hash(&self.sessions, secret.as_bytes()).as_bytes())
    }

    /// The token that the forms of a session carry: whoever does not know the session's
    /// secret cannot make it, and it gives nobody the secret back.
    pub fn form_token(&self, secret: &str) -> String {
        blake3::keyed_hash(&self.forms, secret.as_bytes()).to_hex().to_string()
    }

    /// A secret that is the same whenever it is asked for: what managed access makes on
    /// hosts under it can be made again after a lost answer, and be recognized. `purpose` keeps
    /// uses apart; `parts` say for what.
    pub fn derive_access(&self, purpose: &str, parts: &[&str]) -> [u8; 32] {
        *hash_parts(&self.access, std::iter::once(&purpose).chain(parts)).as_bytes()
    }

    /// Names a state of something that may hold secrets: another state has another name, and the name
    /// tells nobody the secrets, however short they are. 32 hex digits, the same on every replica.
    pub fn version(&self, parts: &[&str]) -> String {
        hash_parts(&self.versions, parts).to_hex()[..32].to_owned()
    }

    /// The secret that sticky keys are hashed with, the same on every replica.
    pub fn sticky_secret(&self) -> [u8; 32] {
        self.sticky
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({})", self.sealing.id)
    }
}

/// A keyed hash of texts that is another one when they are cut elsewhere.
fn hash_parts<'a>(key: &[u8; 32], parts: impl IntoIterator<Item = &'a &'a str>) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_keyed(key);
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize()
}

/// The id of the master key that sealed a value, and the value's text.
fn split(sealed: &str) -> Result<(&str, &str), SealError> {
    let mut parts = sealed.split('.');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(FORMAT), Some(key_id), Some(text), None) => Ok((key_id, text)),
        _ => Err(SealError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: &str = "host/tokyo-1/gateway_key";

    fn keyring(byte: u8) -> Keyring {
        Keyring::new(&MasterKey::from_bytes([byte; 32]))
    }

    #[test]
    fn a_sealed_secret_opens_for_its_owner_alone() {
        let keyring = keyring(1);
        let sealed = keyring.seal(OWNER, &Secret::new("sk-canary"));
        assert!(!sealed.contains("canary"));
        assert_eq!(keyring.open(OWNER, &sealed), Ok(Secret::new("sk-canary")));
        assert_eq!(keyring.open("host/osaka-1/gateway_key", &sealed), Err(SealError::Tampered));
    }

    #[test]
    fn sealing_twice_gives_different_texts() {
        let keyring = keyring(1);
        let secret = Secret::new("sk-canary");
        assert_ne!(keyring.seal(OWNER, &secret), keyring.seal(OWNER, &secret));
    }

    #[test]
    fn a_changed_or_foreign_value_is_refused() {
        let keyring = keyring(1);
        let sealed = keyring.seal(OWNER, &Secret::new("sk-canary"));
        let (head, text) = sealed.rsplit_once('.').unwrap();
        let first = if text.starts_with('A') { "B" } else { "A" };
        let changed = format!("{head}.{first}{}", &text[1..]);
        assert_eq!(keyring.open(OWNER, &changed), Err(SealError::Tampered));
        for junk in ["", "sk-canary", "s1.00", "s1..", "s2.00.AA", "s1.00.AA.AA"] {
            assert!(keyring.open(OWNER, junk).is_err(), "{junk}");
        }
        let short = format!("s1.{}.AAAA", keyring.key_id());
        assert_eq!(keyring.open(OWNER, &short), Err(SealError::Malformed));
    }

    #[test]
    fn a_rotated_master_key_still_opens_the_old_values() {
        let sealed = keyring(1).seal(OWNER, &Secret::new("sk-canary"));
        let fresh = keyring(2);
        let key_id = keyring(1).key_id().to_owned();
        assert_eq!(fresh.open(OWNER, &sealed), Err(SealError::UnknownKey { key_id }));
        let both = fresh.with_previous(&MasterKey::from_bytes([1; 32]));
        assert_eq!(both.open(OWNER, &sealed), Ok(Secret::new("sk-canary")));
        assert!(both.seal(OWNER, &Secret::new("x")).starts_with(&format!("s1.{}.", both.key_id())));
    }

    #[test]
    fn hashes_depend_on_purpose_and_master_key_and_ignore_spaces_around() {
        let keyring = keyring(1);
        assert_eq!(keyring.hash_key(" sk-1 "), keyring.hash_key("sk-1"));
        assert_ne!(keyring.hash_key("sk-1").0, keyring.hash_admin_token("sk-1").0);
        assert_ne!(keyring.hash_key("sk-1"), self::keyring(2).hash_key("sk-1"));
        assert_ne!(keyring.sticky_secret(), self::keyring(2).sticky_secret());
        assert_ne!(keyring.hash_session("s").0, keyring.hash_admin_token("s").0);
        assert_ne!(keyring.form_token("s"), hex::encode(keyring.hash_session("s").0));
        let derived = keyring.derive_access("key", &["a", "bc"]);
        assert_eq!(derived, keyring.derive_access("key", &["a", "bc"]));
        assert_ne!(derived, keyring.derive_access("key", &["ab", "c"]));
        assert_ne!(derived, keyring.derive_access("tag", &["a", "bc"]));
        assert_ne!(derived, self::keyring(2).derive_access("key", &["a", "bc"]));
    }

    /// A changed derivation would lock every installation out of its data.
    #[test]
    fn the_derivations_are_frozen() {
        let keyring = keyring(1);
        assert_eq!(keyring.key_id(), "80f18d26");
        assert_eq!(hex::encode(&keyring.hash_key("sk-1").0[..8]), "ab2b78f554aef1f1");
        assert_eq!(hex::encode(&keyring.hash_admin_token("rma-1").0[..8]), "86f9877ca21a3e5e");
        assert_eq!(hex::encode(&keyring.sticky_secret()[..8]), "786eaa3953ed0baf");
        assert_eq!(hex::encode(&keyring.derive_access("key", &["a"])[..8]), "1f046b0ea048bdac");
    }
}

//! Consumer keys: who may call the gateway, and for what.

use std::fmt;

use jiff::Timestamp;

use crate::{GroupId, KeyId, SecretSource};

/// Keyed hash of a consumer key's secret; the secret itself is not kept (spec §6).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash(pub [u8; 32]);

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyHash({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

/// Limits of a key (spec §6). Absent means unlimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests per minute.
    pub rpm: Option<u64>,
    /// Tokens per minute.
    pub tpm: Option<u64>,
    /// Tokens per day.
    pub tpd: Option<u64>,
    /// Requests in flight.
    pub concurrency: Option<u32>,
}

/// A consumer and its key (spec §1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerKey {
    /// `key_id`; also the consumer's name in bindings and decisions.
    pub id: KeyId,
    /// What the presented secret must hash to.
    pub hash: KeyHash,
    /// Where the secret came from, for `export`.
    pub source: SecretSource,
    /// A disabled key is refused.
    pub enabled: bool,
    /// From then on the key is refused.
    pub expires_at: Option<Timestamp>,
    /// The groups it may call; a bare model name is looked up in this order.
    pub groups: Vec<GroupId>,
    /// The last rung of the subject ladder (spec §4).
    pub subject_id: Option<String>,
    /// Host user whose subscription serves this consumer's managed routes.
    pub subscription_user: Option<String>,
    /// Whether answers carry the `X-Relay-*` headers.
    pub expose_routing: bool,
    /// Limits of the key.
    pub limits: Limits,
}

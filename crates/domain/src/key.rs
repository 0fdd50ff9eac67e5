//! Consumer keys: who may call the gateway, and for what.

use std::fmt;
use std::net::IpAddr;

pub use ipnet::IpNet;
use jiff::Timestamp;
use smallvec::SmallVec;

use crate::{GroupId, KeyId, Limits, ModelPattern, SecretSource};

/// Keyed hash of a consumer key's secret; the secret itself is not kept (spec §6).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash(pub [u8; 32]);

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyHash({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

/// Who keeps a key: decides what an apply of a fleet file means for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyOrigin {
    /// The fleet file: a file without it removes it.
    #[default]
    File,
    /// The admin API: files that do not name it leave it alone.
    Api,
}

impl KeyOrigin {
    /// The name used on every wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Api => "api",
        }
    }
}

/// The secret before a rotation, good for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreviousSecret {
    /// What it hashes to.
    pub hash: KeyHash,
    /// From then on it is refused.
    pub until: Timestamp,
}

/// A consumer and its key (spec §1).
///
/// Laid out by hand: what each request asks comes first, in four cache lines, since of thousands of keys
/// the one that is asked for is in no cache.
#[derive(Clone, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct ConsumerKey {
    /// What the presented secret must hash to.
    pub hash: KeyHash,
    /// From then on the key is refused.
    pub expires_at: Option<Timestamp>,
    /// A disabled key is refused.
    pub enabled: bool,
    /// Whether answers carry the `X-Relay-*` headers.
    pub expose_routing: bool,
    /// `key_id`; also the consumer's name in bindings and decisions.
    pub id: KeyId,
    /// The groups it may call; a bare model name is looked up in this order.
    pub groups: SmallVec<[GroupId; 1]>,
    /// The public models it may call; none named means all of its groups.
    pub models: Vec<ModelPattern>,
    /// Limits of the key.
    pub limits: Limits,
    /// Where it may be used from; none named means anywhere.
    pub allowed_ips: Vec<IpNet>,
    /// Host user whose subscription serves this consumer's managed routes.
    pub subscription_user: Option<String>,
    /// The last rung of the subject ladder (spec §4).
    pub subject_id: Option<String>,
    /// The secret before, while a rotation overlaps.
    pub previous: Option<PreviousSecret>,
    /// For people.
    pub label: Option<String>,
    /// Who keeps it.
    pub origin: KeyOrigin,
    /// Where the secret came from, for `export`.
    pub source: SecretSource,
}

impl ConsumerKey {
    /// A key of the fleet file with nothing but its secret: it may call nothing yet.
    pub fn new(id: KeyId, hash: KeyHash) -> Self {
        Self {
            id,
            label: None,
            origin: KeyOrigin::File,
            hash,
            previous: None,
            source: SecretSource::Value,
            enabled: true,
            expires_at: None,
            groups: SmallVec::new(),
            models: Vec::new(),
            allowed_ips: Vec::new(),
            subject_id: None,
            subscription_user: None,
            expose_routing: false,
            limits: Limits::default(),
        }
    }

    /// Whether this public model is on its list.
    pub fn may_call(&self, model: &str) -> bool {
        self.models.is_empty() || self.models.iter().any(|pattern| pattern.matches(model))
    }

    /// Whether it may be used from there. An IPv4 address in IPv6 clothes counts as itself.
    pub fn may_be_used_from(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.allowed_ips.is_empty() || self.allowed_ips.iter().any(|range| range.contains(&address))
    }
}

/// Reads an address, or a range such as `10.1.0.0/16`; the bits beyond the prefix are dropped.
///
/// # Errors
/// It is neither.
pub fn parse_ip_range(text: &str) -> Result<IpNet, ipnet::AddrParseError> {
    let text = text.trim();
    text.parse::<IpAddr>().map(IpNet::from).or_else(|_| text.parse::<IpNet>()).map(|range| range.trunc())
}

/// The shortest text of a range: a single address without its prefix length.
pub fn ip_range_text(range: &IpNet) -> String {
    if range.prefix_len() == range.max_prefix_len() { range.addr().to_string() } else { range.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_admits_its_addresses_alone() {
        let key = ConsumerKey {
            allowed_ips: ["10.1.2.3/16", "2001:db8::1"].map(|text| parse_ip_range(text).unwrap()).into(),
            ..ConsumerKey::new(KeyId::new("k").unwrap(), KeyHash([0; 32]))
        };
        let from = |text: &str| key.may_be_used_from(text.parse().unwrap());
        assert!(from("10.1.255.255") && from("::ffff:10.1.0.1") && from("2001:db8::1"));
        assert!(!from("10.2.0.1") && !from("2001:db8::2") && !from("127.0.0.1"));
        let texts: Vec<_> = key.allowed_ips.iter().map(ip_range_text).collect();
        assert_eq!(texts, ["10.1.0.0/16", "2001:db8::1"]);
        assert!(parse_ip_range("10.1.2.3/40").is_err() && parse_ip_range("host").is_err());
    }

    #[test]
    fn what_each_request_asks_is_in_four_cache_lines() {
        assert!(std::mem::offset_of!(ConsumerKey, subject_id) <= 256);
    }

    #[test]
    fn models_that_are_not_on_the_list_are_refused() {
        let mut key = ConsumerKey::new(KeyId::new("k").unwrap(), KeyHash([0; 32]));
        assert!(key.may_call("gpt-5"));
        key.models = vec![ModelPattern::parse("gpt-5*").unwrap()];
        assert!(key.may_call("gpt-5-mini") && !key.may_call("o3"));
    }
}

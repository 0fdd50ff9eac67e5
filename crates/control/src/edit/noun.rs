//! The four nouns of a fleet: their words, their sections, and an entry with its version.

use relay_domain::{AdminAccess, ConsumerKey, Host, StoredSecret};
use relay_routing::Snapshot;
use relay_store::Keyring;
use serde_json::Value;

use crate::Control;
use crate::view::{self, Fields};

/// A kind of entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Noun {
    /// An upstream deployment.
    Host,
    /// What a customer is given.
    Group,
    /// A way from a group's model to a host.
    Route,
    /// A consumer key.
    Key,
}

impl Noun {
    /// The word, which is also the section of the fleet document.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Group => "group",
            Self::Route => "route",
            Self::Key => "key",
        }
    }

    /// The field that names an entry.
    pub fn id_field(self) -> &'static str {
        match self {
            Self::Host => "host_id",
            Self::Group => "logical_group_id",
            Self::Route => "route_id",
            Self::Key => "key_id",
        }
    }
}

impl std::fmt::Display for Noun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something that can be changed, without its secrets, and the name of this state of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its fields, as they are shown.
    pub fields: Fields,
    /// Changes with every field and every secret; the same on every replica.
    pub version: String,
}

impl Entry {
    /// The entry of a generation.
    pub(super) fn find(snapshot: &Snapshot, noun: Noun, id: &str, keyring: &Keyring) -> Option<Self> {
        match noun {
            Noun::Host => snapshot.host(id).map(|(_, host)| Self::of_host(host, keyring)),
            Noun::Group => snapshot.group(id).map(|group| Self::new(view::group(group), &[], keyring)),
            Noun::Route => {
                let index = snapshot.route_by_id(id)?;
                Some(Self::new(view::route(&snapshot.route(index).route), &[], keyring))
            }
            Noun::Key => snapshot.key_by_id(id).map(|key| Self::of_key(key, keyring)),
        }
    }

    /// Anything that is shown as fields.
    pub(crate) fn new(fields: Fields, secrets: &[&str], keyring: &Keyring) -> Self {
        let text = Value::Object(fields.clone()).to_string();
        let version = keyring.version(&[&[text.as_str()], secrets].concat());
        Self { fields, version }
    }

    fn of_host(host: &Host, keyring: &Keyring) -> Self {
        let secret = |stored: Option<&StoredSecret>| stored.map(|stored| stored.secret.clone());
        let admin = secret(host.admin.as_ref().map(|access| match access {
            AdminAccess::Key(secret) | AdminAccess::Login { password: secret, .. } => secret,
        }));
        let gateway = secret(host.gateway_key.as_ref());
        let secrets = [&admin, &gateway].map(|secret| secret.as_ref().map_or("", |secret| secret.expose()));
        Self::new(view::host(host), &secrets, keyring)
    }

    fn of_key(key: &ConsumerKey, keyring: &Keyring) -> Self {
        let secrets = format!("{:?} {:?}", key.hash.0, key.previous.map(|previous| previous.hash.0));
        Self::new(view::key(key), &[&secrets], keyring)
    }
}

impl Control {
    /// One entry of the fleet in force.
    pub fn entry(&self, noun: Noun, id: &str) -> Option<Entry> {
        Entry::find(&self.snapshot(), noun, id, &self.parts.keyring)
    }
}

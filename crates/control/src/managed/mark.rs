//! What we write on a host, so that we know it again: the ownership tag, names,
//! and the secrets that are derived, not remembered.
//!
//! The tag names this installation. It is no secret: an operator who writes it
//! into the notes of an object gives that object to Relay Manager, and one who removes
//! it takes it away. It is derived from the master key once and then kept, so
//! that it survives both a lost database and another master key.

use relay_domain::Secret;
use relay_hosts::admin::{CustomKey, CustomKeyError};
use relay_store::{GrantName, Keyring, Store, StoreError};

/// Where the tag is kept.
const SETTING: &str = "installation_id";

/// What marks objects as ours, and only as ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tag(String);

impl Tag {
    /// The tag of this installation, made at the first call.
    pub(super) async fn load(store: &dyn Store, keyring: &Keyring) -> Result<Self, StoreError> {
        if let Some(id) = store.setting(SETTING).await? {
            return Ok(Self::of(&id));
        }
        let id = hex(&keyring.derive_access("installation", &[])[..8]);
        store.set_setting(SETTING, &id).await?;
        Ok(Self::of(&id))
    }

    fn of(id: &str) -> Self {
        Self(format!("relay-manager:{id}"))
    }

    /// The text: notes of users and subscriptions that we make.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether notes carry the tag. Hosts and people write more around it.
    pub(super) fn is_on(&self, notes: &str) -> bool {
        notes.split(|c: char| c.is_whitespace() || ",;".contains(c)).any(|word| word == self.0)
    }

    /// Name of an issue of a key; hosts take 100 characters, and some escape HTML.
    pub(super) fn key_name(&self, generation: u32) -> String {
        format!("{} g{generation}", self.0)
    }
}

/// The key of an issue: the same whenever it is asked for, so that making it can be repeated
/// after a lost answer.
pub(super) fn derived_key(keyring: &Keyring, name: &GrantName, generation: u32) -> Result<CustomKey, CustomKeyError> {
    let (group, generation) = (name.group_id.to_string(), generation.to_string());
    let digest = keyring.derive_access("key", &[name.host.as_str(), &name.user, &group, &generation]);
    CustomKey::new(&Secret::new(&format!("sk-rm-{}", hex(&digest))))
}

/// The password of a user that we make.
pub(super) fn derived_password(keyring: &Keyring, name: &GrantName, generation: u32) -> Secret {
    let digest = keyring.derive_access("password", &[name.host.as_str(), &name.user, &generation.to_string()]);
    Secret::new(&hex(&digest[..24]))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use relay_domain::HostId;
    use relay_store::MasterKey;

    use super::*;

    #[test]
    fn the_tag_is_found_as_a_word_among_other_notes() {
        let tag = Tag::of("0a1b");
        for notes in ["relay-manager:0a1b", "vip, relay-manager:0a1b; since May", "old note\nrelay-manager:0a1b"] {
            assert!(tag.is_on(notes), "{notes}");
        }
        for notes in ["", "relay-manager", "relay-manager:0a1b2c", "xrelay-manager:0a1b", "relay-manager:ffff"] {
            assert!(!tag.is_on(notes), "{notes}");
        }
        assert!(tag.key_name(u32::MAX).len() <= 100);
    }

    #[test]
    fn every_issue_of_every_grant_has_a_key_of_its_own() {
        let keyring = Keyring::new(&MasterKey::from_bytes([1; 32]));
        let name = |host: &str, user: &str, group_id| GrantName {
            host: HostId::new(host).unwrap(),
            user: user.into(),
            group_id,
        };
        let key = |name: &GrantName, generation| derived_key(&keyring, name, generation).unwrap();
        let first = key(&name("a", "u", 1), 1);
        assert_eq!(first, key(&name("a", "u", 1), 1));
        for other in [key(&name("a", "u", 1), 2), key(&name("a", "u", 2), 1), key(&name("b", "u", 1), 1)] {
            assert_ne!(first, other);
        }
        let password = |generation| derived_password(&keyring, &name("a", "u", 1), generation);
        assert!(password(1) == password(1) && password(1) != password(2));
        assert_eq!(password(1).expose().len(), 48);
    }
}

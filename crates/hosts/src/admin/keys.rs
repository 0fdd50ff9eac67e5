//! Gateway keys on a host (sub2api-host-api.md §2.4). An administrator can read
//! every key in clear and, on newer hosts, bind it to another group; making,
//! changing and deleting is its user's business.

use relay_domain::{Secret, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

use super::auth::UserClient;
use super::call::{Call, IdempotencyKey, Identity};
use super::client::AdminClient;
use super::codes;
use super::error::AdminError;
use super::groups::found;
use super::id::{RemoteGroupId, RemoteKeyId, RemoteUserId};
use super::paging::or_default;

const KEYS: &str = "/api/v1/keys";

/// Longest name of a key; a host fails with 500 beyond it.
const MAX_NAME_CHARS: usize = 100;

/// A gateway key.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct HostKey {
    /// The host's id.
    pub id: RemoteKeyId,
    /// Whose it is.
    pub user_id: RemoteUserId,
    /// The key itself, in clear.
    #[serde(default, deserialize_with = "secret")]
    pub key: Option<Secret>,
    /// Its name; newer hosts escape HTML in it (`&` reads `&amp;`).
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// What it is bound to.
    #[serde(default)]
    pub group_id: Option<RemoteGroupId>,
    /// Whether it is served.
    #[serde(default, deserialize_with = "or_default")]
    pub status: KeyStatus,
    /// From then on it is refused; newer hosts only.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// USD it may cost; 0 is no limit; newer hosts only.
    #[serde(default, deserialize_with = "or_default")]
    pub quota: f64,
    /// USD it has cost.
    #[serde(default, deserialize_with = "or_default")]
    pub quota_used: f64,
    /// Since when.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
}

impl HostKey {
    /// Whether a host takes it at that time, as far as the key itself decides;
    /// its group's subscription decides too.
    pub fn is_usable_at(&self, at: Timestamp) -> bool {
        self.key.is_some()
            && self.status == KeyStatus::Active
            && self.expires_at.is_none_or(|end| end > at)
            && (self.quota <= 0.0 || self.quota_used < self.quota)
    }
}

/// Whether a key is served; only active ones are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyStatus {
    /// It is.
    Active,
    /// Switched off by its user.
    Inactive,
    /// Switched off by the host.
    Disabled,
    /// It has cost what it may.
    QuotaExhausted,
    /// Past its end.
    Expired,
    /// A word we do not know, or none.
    #[default]
    #[serde(other)]
    Other,
}

/// A key chosen by us, so that a creation whose answer was lost can be repeated.
/// Never printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomKey(Secret);

/// Why a text cannot be a custom key on every host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CustomKeyError {
    /// Hosts refuse shorter ones, and fail with 500 at longer ones.
    #[error("a custom key has 16 to 128 characters")]
    Length,
    /// Hosts refuse others.
    #[error("a custom key has letters, digits, `_` and `-` only")]
    Characters,
}

impl CustomKey {
    /// Checks the form that every version takes.
    ///
    /// # Errors
    /// See [`CustomKeyError`].
    pub fn new(key: &Secret) -> Result<Self, CustomKeyError> {
        let text = key.expose();
        if !(16..=128).contains(&text.len()) {
            return Err(CustomKeyError::Length);
        }
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if text.bytes().all(allowed) { Ok(Self(key.clone())) } else { Err(CustomKeyError::Characters) }
    }

    /// The key.
    pub fn secret(&self) -> &Secret {
        &self.0
    }
}

/// A key to be made.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// At most 100 characters.
    pub name: String,
    /// What to bind it to. A subscription group needs a living subscription first.
    pub group: Option<RemoteGroupId>,
    /// The key, or `None` for one by the host.
    pub custom_key: Option<CustomKey>,
}

/// What to change of a key; what is `None` stays.
#[derive(Clone, Debug, Default, Serialize)]
pub struct KeyChanges {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is bound to.
    #[serde(rename = "group_id", skip_serializing_if = "Option::is_none")]
    pub group: Option<RemoteGroupId>,
    /// `Active` or `Inactive`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<KeyStatus>,
}

#[derive(Serialize)]
struct CreateBody<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_id: Option<RemoteGroupId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_key: Option<&'a str>,
}

#[derive(Deserialize)]
struct Rebound {
    api_key: HostKey,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.filter(|text| !text.trim().is_empty()).map(|text| Secret::new(&text)))
}

fn checked_name(name: &str) -> Result<&str, AdminError> {
    let length = name.chars().count();
    if (1..=MAX_NAME_CHARS).contains(&length) {
        return Ok(name);
    }
    Err(AdminError::Unsendable("a key's name has 1 to 100 characters"))
}

impl AdminClient {
    /// All keys of a user. An unknown user has none.
    ///
    /// # Errors
    /// See [`AdminError`].
    pub async fn user_keys(&self, user: RemoteUserId) -> Result<Vec<HostKey>, AdminError> {
        self.all_keys(&format!("/api/v1/admin/users/{user}/api-keys"), Identity::Admin).await
    }

    /// All keys bound to a group. An unknown group has none.
    ///
    /// # Errors
    /// See [`AdminError`].
    pub async fn group_keys(&self, group: RemoteGroupId) -> Result<Vec<HostKey>, AdminError> {
        self.all_keys(&format!("/api/v1/admin/groups/{group}/api-keys"), Identity::Admin).await
    }

    /// Binds a key to another group, or to none. It leaves the group it was
    /// bound to, so this is for keys reserved for us. An exclusive standard group is opened
    /// to the key's user by it.
    ///
    /// # Errors
    /// [`AdminError::NoRoute`] where [`Capabilities::key_rebind`](super::Capabilities::key_rebind) is no;
    /// [`codes::API_KEY_NOT_FOUND`], [`codes::GROUP_NOT_FOUND`], [`codes::GROUP_NOT_ACTIVE`],
    /// [`codes::SUBSCRIPTION_REQUIRED`]. See [`AdminError`] for the rest.
    pub async fn rebind_key(&self, key: RemoteKeyId, group: Option<RemoteGroupId>) -> Result<HostKey, AdminError> {
        // 0 unbinds; leaving it out changes nothing.
        let body = json!({ "group_id": group.map_or(0, |group| group.0) });
        let call = Call::put(Identity::Admin, format!("/api/v1/admin/api-keys/{key}"), &body);
        let rebound: Rebound = self.data(&call).await?;
        Ok(rebound.api_key)
    }

    async fn all_keys(&self, path: &str, identity: Identity<'_>) -> Result<Vec<HostKey>, AdminError> {
        self.all(|| Call::get(identity, path), |key: &HostKey| key.id).await
    }
}

impl UserClient {
    /// All keys of the user.
    ///
    /// # Errors
    /// See [`AdminError`].
    pub async fn keys(&self) -> Result<Vec<HostKey>, AdminError> {
        self.client.all_keys(KEYS, self.identity()).await
    }

    /// Makes a key. With a custom key, or with `once`, a creation whose answer
    /// was lost can be repeated.
    ///
    /// # Errors
    /// [`codes::API_KEY_EXISTS`] when the custom key is taken: by the creation before this one, by
    /// somebody else, or, on older hosts, by a deleted key; look whose it is. [`codes::GROUP_NOT_ALLOWED`] without a
    /// living subscription. [`codes::API_KEY_RATE_LIMITED`] after twenty taken ones in an hour. [`Barrier::BackendMode`](super::Barrier)
    /// where users may not. See [`AdminError`] for the rest.
    pub async fn create_key(&self, key: &NewKey, once: Option<&IdempotencyKey>) -> Result<HostKey, AdminError> {
        let custom_key = key.custom_key.as_ref().map(CustomKey::secret);
        let body = CreateBody {
            name: checked_name(&key.name)?,
            group_id: key.group,
            custom_key: custom_key.map(Secret::expose),
        };
        let mut call = Call::post(self.identity(), KEYS, &body).once(once);
        if let Some(custom_key) = custom_key {
            call = call.hides(custom_key);
        }
        self.client.data(&call).await
    }

    /// Changes a key. Repeating it changes nothing more.
    ///
    /// # Errors
    /// [`codes::API_KEY_NOT_FOUND`], [`codes::GROUP_NOT_ALLOWED`]; see [`AdminError`] for the rest.
    pub async fn update_key(&self, id: RemoteKeyId, changes: &KeyChanges) -> Result<HostKey, AdminError> {
        if let Some(name) = &changes.name {
            checked_name(name)?;
        }
        if !matches!(changes.status, None | Some(KeyStatus::Active | KeyStatus::Inactive)) {
            return Err(AdminError::Unsendable("a key can be made active or inactive"));
        }
        self.client.data(&Call::put(self.identity(), format!("{KEYS}/{id}"), changes)).await
    }

    /// Deletes a key; false when there was none. Its text stays taken on older hosts.
    ///
    /// # Errors
    /// See [`AdminError`].
    pub async fn delete_key(&self, id: RemoteKeyId) -> Result<bool, AdminError> {
        let call = Call::delete(self.identity(), format!("{KEYS}/{id}"));
        let gone: Option<serde::de::IgnoredAny> = found(self.client.data(&call).await, codes::API_KEY_NOT_FOUND)?;
        Ok(gone.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_custom_key_has_the_form_that_every_version_takes() {
        let check = |text: &str| CustomKey::new(&Secret::new(text)).map(|key| key.secret().expose().len());
        assert_eq!(check("sk-relay_01234567"), Ok(17));
        assert_eq!(check(&"k".repeat(16)), Ok(16));
        assert_eq!(check(&"k".repeat(128)), Ok(128));
        assert_eq!(check(&"k".repeat(15)), Err(CustomKeyError::Length));
        assert_eq!(check(&"k".repeat(129)), Err(CustomKeyError::Length));
        assert_eq!(check("with spaces 0123456789"), Err(CustomKeyError::Characters));
        assert_eq!(check("clé-0123456789abcdef"), Err(CustomKeyError::Characters));
    }

    #[test]
    fn a_key_is_usable_by_status_end_and_quota() {
        let at = "2026-01-01T00:00:00Z".parse().unwrap();
        let usable = |fields: &str| {
            let key: HostKey = serde_json::from_str(&format!("{{\"id\":1,\"user_id\":2,{fields}}}")).unwrap();
            key.is_usable_at(at)
        };
        assert!(usable("\"key\":\"k\",\"status\":\"active\""));
        assert!(usable("\"key\":\"k\",\"status\":\"active\",\"expires_at\":null,\"quota\":0,\"quota_used\":9"));
        assert!(usable(
            "\"key\":\"k\",\"status\":\"active\",\"expires_at\":\"2026-01-01T00:00:01Z\",\"quota\":2,\"quota_used\":1"
        ));
        assert!(!usable("\"key\":\"k\",\"status\":\"active\",\"expires_at\":\"2026-01-01T00:00:00Z\""));
        assert!(!usable("\"key\":\"k\",\"status\":\"active\",\"quota\":2,\"quota_used\":2"));
        assert!(!usable("\"key\":\"k\",\"status\":\"quota_exhausted\""));
        assert!(!usable("\"key\":\"k\",\"status\":null"));
        assert!(!usable("\"key\":\"\",\"status\":\"active\""));
    }
}

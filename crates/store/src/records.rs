//! The fleet as it is stored, whatever the engine: one record per noun, secrets
//! sealed, all of a generation in one document.
//!
//! Documents live for long: a field added later needs `#[serde(default)]`, and
//! none may change its meaning.

mod consistency;
mod convert;

use std::borrow::Cow;

use relay_domain::{Fleet, Generation};
use serde::{Deserialize, Serialize};

use crate::{Keyring, PublishError, StoreError};

/// A whole generation. Its routes, of which there are many, borrow from the fleet while that is written.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct FleetRecords<'a> {
    pub(crate) hosts: Vec<HostRecord>,
    pub(crate) groups: Vec<GroupRecord>,
    pub(crate) routes: Vec<RouteRecord<'a>>,
    pub(crate) keys: Vec<KeyRecord>,
}

/// A host. Admin access is a login when there is an e-mail address, a key when
/// there is only a secret.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HostRecord {
    pub(crate) host_id: String,
    pub(crate) kind: String,
    pub(crate) base_url: String,
    pub(crate) allow_private: bool,
    pub(crate) enabled: bool,
    pub(crate) admin_email: Option<String>,
    pub(crate) admin_secret: Option<String>,
    pub(crate) admin_source: Option<String>,
    pub(crate) gateway_key: Option<String>,
    pub(crate) gateway_key_source: Option<String>,
    #[serde(default = "yes")]
    pub(crate) ask_usage: bool,
}

fn yes() -> bool {
    true
}

/// A logical group.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct GroupRecord {
    pub(crate) logical_group_id: String,
    pub(crate) enabled: bool,
    pub(crate) sticky_scope: String,
    pub(crate) sticky_ttl_us: i64,
    pub(crate) failback: String,
    pub(crate) retry_on_timeout: bool,
    #[serde(default)]
    pub(crate) drain_limit_us: Option<i64>,
    #[serde(default)]
    pub(crate) rpm: Option<i64>,
    #[serde(default)]
    pub(crate) tpm: Option<i64>,
    #[serde(default)]
    pub(crate) tpd: Option<i64>,
    #[serde(default)]
    pub(crate) concurrency: Option<i64>,
    #[serde(default = "empty_list")]
    pub(crate) budgets: String,
    #[serde(default = "one")]
    pub(crate) price_ratio: i64,
}

/// A route.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RouteRecord<'a> {
    pub(crate) route_id: Cow<'a, str>,
    pub(crate) name: Cow<'a, str>,
    pub(crate) logical_group_id: Cow<'a, str>,
    pub(crate) public_model: Cow<'a, str>,
    pub(crate) host_id: Cow<'a, str>,
    pub(crate) shadow_group: Cow<'a, str>,
    pub(crate) shadow_model: Cow<'a, str>,
    pub(crate) priority: i64,
    pub(crate) weight: i64,
    pub(crate) credential: Cow<'a, str>,
    pub(crate) enabled: bool,
    #[serde(default = "one")]
    pub(crate) multiplier: i64,
    #[serde(default = "one")]
    pub(crate) recharge_ratio: i64,
}

/// A consumer key.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct KeyRecord {
    pub(crate) key_id: String,
    pub(crate) hash: String,
    pub(crate) source: String,
    pub(crate) enabled: bool,
    pub(crate) expires_at: Option<i64>,
    pub(crate) groups: Vec<String>,
    pub(crate) subject_id: Option<String>,
    pub(crate) subscription_user: Option<String>,
    pub(crate) expose_routing: bool,
    pub(crate) rpm: Option<i64>,
    pub(crate) tpm: Option<i64>,
    pub(crate) tpd: Option<i64>,
    pub(crate) concurrency: Option<i64>,
    #[serde(default)]
    pub(crate) label: Option<String>,
    #[serde(default = "file")]
    pub(crate) origin: String,
    #[serde(default)]
    pub(crate) previous_hash: Option<String>,
    #[serde(default)]
    pub(crate) previous_until: Option<i64>,
    #[serde(default = "empty_list")]
    pub(crate) models: String,
    #[serde(default = "empty_list")]
    pub(crate) allowed_ips: String,
    #[serde(default = "empty_list")]
    pub(crate) budgets: String,
}

/// A budget of tokens, or else of money in billionths.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct BudgetRecord {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tokens: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) money_nanos: Option<i64>,
    pub(crate) period: String,
}

/// A ratio that was not stored: one, in millionths.
fn one() -> i64 {
    1_000_000
}

fn file() -> String {
    "file".to_owned()
}

/// Lists are kept as JSON texts: nothing looks inside them.
fn empty_list() -> String {
    "[]".to_owned()
}

impl<'a> FleetRecords<'a> {
    /// Checks what must hold of every fleet on record.
    ///
    /// # Errors
    /// [`PublishError::Inconsistent`] with the first fault.
    pub(crate) fn check(&self) -> Result<(), PublishError> {
        consistency::check(self)
    }

    /// Seals a fleet.
    pub(crate) fn seal(fleet: &'a Fleet, keyring: &Keyring) -> Self {
        Self {
            hosts: fleet.hosts.iter().map(|host| convert::seal_host(host, keyring)).collect(),
            groups: fleet.groups.iter().map(convert::group_record).collect(),
            routes: fleet.routes.iter().map(convert::route_record).collect(),
            keys: fleet.keys.iter().map(convert::key_record).collect(),
        }
    }

    /// Opens a fleet.
    pub(crate) fn open(self, generation: Generation, keyring: &Keyring) -> Result<Fleet, StoreError> {
        Ok(Fleet {
            generation,
            hosts: self.hosts.into_iter().map(|host| convert::open_host(host, keyring)).collect::<Result<_, _>>()?,
            groups: self.groups.iter().map(convert::group).collect::<Result<_, _>>()?,
            routes: self.routes.into_iter().map(convert::route).collect::<Result<_, _>>()?,
            keys: self.keys.into_iter().map(convert::key).collect::<Result<_, _>>()?,
        })
    }
}

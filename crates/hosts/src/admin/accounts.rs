//! Upstream accounts of a host (sub2api-host-api.md §2.5), read to tell why a
//! group cannot serve. Their credentials, which older hosts send in clear, are
//! not taken in.

use relay_domain::Timestamp;
use serde::{Deserialize, Deserializer};

use super::call::{Call, Identity};
use super::client::AdminClient;
use super::error::AdminError;
use super::id::{RemoteAccountId, RemoteGroupId};
use super::paging::or_default;
use super::refusal::clean;

/// An upstream account.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Account {
    /// The host's id.
    pub id: RemoteAccountId,
    /// Its name.
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// `openai`, `anthropic`, …
    #[serde(default, deserialize_with = "or_default")]
    pub platform: String,
    /// `oauth`, `apikey`, …
    #[serde(default, rename = "type", deserialize_with = "or_default")]
    pub kind: String,
    /// `active`, `inactive` or `error`.
    #[serde(default, deserialize_with = "or_default")]
    pub status: String,
    /// What went wrong, cleaned.
    #[serde(default, deserialize_with = "cleaned")]
    pub error_message: String,
    /// Whether the host may choose it.
    #[serde(default, deserialize_with = "or_default")]
    pub schedulable: bool,
    /// Requests at once.
    #[serde(default, deserialize_with = "or_default")]
    pub concurrency: i64,
    /// Requests in flight; newer hosts only.
    #[serde(default)]
    pub current_concurrency: Option<i64>,
    /// The upstream's limit lasts until then.
    #[serde(default)]
    pub rate_limit_reset_at: Option<Timestamp>,
    /// The upstream is overloaded until then.
    #[serde(default)]
    pub overload_until: Option<Timestamp>,
    /// Set aside until then; newer hosts only.
    #[serde(default)]
    pub temp_unschedulable_until: Option<Timestamp>,
    /// Groups it serves.
    #[serde(default, deserialize_with = "or_default")]
    pub group_ids: Vec<RemoteGroupId>,
}

/// Which accounts to list.
#[derive(Clone, Debug, Default)]
pub struct AccountFilter {
    /// Of this platform.
    pub platform: Option<String>,
    /// With this status.
    pub status: Option<String>,
}

fn cleaned<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(clean(&Option::<String>::deserialize(deserializer)?.unwrap_or_default(), &[]))
}

impl AdminClient {
    /// Accounts by filter.
    ///
    /// # Errors
    /// See [`AdminError`].
    pub async fn accounts(&self, filter: &AccountFilter) -> Result<Vec<Account>, AdminError> {
        let call = || {
            Call::get(Identity::Admin, "/api/v1/admin/accounts")
                .query("platform", filter.platform.as_deref())
                .query("status", filter.status.as_deref())
        };
        self.all(call, |account: &Account| account.id).await
    }
}

//! Upstream accounts of a host (sub2api-host-api.md §2.5), read to tell why a
//! group cannot serve, and which models. Of their credentials, which older hosts
//! send in clear, the mapping of models alone is taken in.

use std::collections::BTreeMap;

use relay_domain::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

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
    /// Model asked for → model of the upstream. Empty: every model; otherwise no other than these.
    #[serde(default, rename = "credentials", deserialize_with = "model_mapping")]
    pub model_mapping: BTreeMap<String, String>,
    /// It replaces the credential and nothing else: every model is taken, whatever the mapping says.
    #[serde(default, rename = "extra", deserialize_with = "passes_through")]
    pub passes_through: bool,
}

impl Account {
    /// Whether the host takes every model for it.
    pub fn takes_every_model(&self) -> bool {
        self.model_mapping.is_empty() || (self.platform == "openai" && self.passes_through)
    }
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

/// The first of the two names that a host has for it counts.
fn passes_through<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let extra = Value::deserialize(deserializer)?;
    let flag = |name: &str| extra.get(name).and_then(Value::as_bool);
    Ok(flag("openai_passthrough").or_else(|| flag("openai_oauth_passthrough")).unwrap_or_default())
}

/// From credentials of whatever form: forks write more into them than pairs of names.
fn model_mapping<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let credentials = Value::deserialize(deserializer)?;
    let mapping = credentials.get("model_mapping").and_then(Value::as_object);
    let names = mapping.into_iter().flatten();
    Ok(names.filter_map(|(asked, model)| Some((asked.clone(), model.as_str()?.to_owned()))).collect())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mapping_of_models_is_all_that_is_taken_of_credentials() {
        let mapping = |credentials: &str| {
            let account: Account = serde_json::from_str(&format!("{{\"id\":1{credentials}}}")).unwrap();
            assert!(!format!("{account:?}").contains("sk-canary"));
            account.model_mapping.into_iter().collect::<Vec<_>>()
        };
        let pair = ("gpt-5".to_owned(), "gpt-5-pool".to_owned());
        let found = mapping(
            ",\"credentials\":{\"api_key\":\"sk-canary\",\"model_mapping\":{\"gpt-5\":\"gpt-5-pool\",\"x\":1}}",
        );
        assert_eq!(found, [pair]);
        for none in ["", ",\"credentials\":null", ",\"credentials\":[1]", ",\"credentials\":{\"model_mapping\":\"*\"}"]
        {
            assert!(mapping(none).is_empty(), "{none}");
        }
    }
}

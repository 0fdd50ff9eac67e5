//! What a host has billed (sub2api-host-api.md §2.6), to be joined with our own
//! log. Rows are written after the answer and lag by seconds.

use relay_domain::Timestamp;
use serde::Deserialize;

use super::call::{Call, Identity};
use super::client::AdminClient;
use super::error::AdminError;
use super::id::{RemoteAccountId, RemoteGroupId, RemoteKeyId, RemoteSubscriptionId, RemoteUserId};
use super::paging::{PAGE_SIZE, Page, or_default};

/// One billed request. Money is in USD, as the host computed it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct UsageRow {
    /// The host's id.
    pub id: i64,
    /// On newer hosts `client:` and the `X-Client-Request-ID` of the answer;
    /// on older ones the upstream's id.
    #[serde(default, deserialize_with = "or_default")]
    pub request_id: String,
    /// Whose.
    #[serde(default)]
    pub user_id: Option<RemoteUserId>,
    /// By which key.
    #[serde(default)]
    pub api_key_id: Option<RemoteKeyId>,
    /// By which upstream account.
    #[serde(default)]
    pub account_id: Option<RemoteAccountId>,
    /// Of which group.
    #[serde(default)]
    pub group_id: Option<RemoteGroupId>,
    /// Of which subscription.
    #[serde(default)]
    pub subscription_id: Option<RemoteSubscriptionId>,
    /// The model asked for.
    #[serde(default, deserialize_with = "or_default")]
    pub model: String,
    /// Input that was not cached.
    #[serde(default, deserialize_with = "or_default")]
    pub input_tokens: i64,
    /// Output, reasoning included.
    #[serde(default, deserialize_with = "or_default")]
    pub output_tokens: i64,
    /// Input written to the cache.
    #[serde(default, deserialize_with = "or_default")]
    pub cache_creation_tokens: i64,
    /// Input read from the cache.
    #[serde(default, deserialize_with = "or_default")]
    pub cache_read_tokens: i64,
    /// Price by the list.
    #[serde(default, deserialize_with = "or_default")]
    pub total_cost: f64,
    /// What was charged: the list price times the multiplier.
    #[serde(default, deserialize_with = "or_default")]
    pub actual_cost: f64,
    /// That multiplier.
    #[serde(default)]
    pub rate_multiplier: Option<f64>,
    /// Whether it was streamed.
    #[serde(default, deserialize_with = "or_default")]
    pub stream: bool,
    /// From beginning to end.
    #[serde(default)]
    pub duration_ms: Option<i64>,
    /// Until the first token.
    #[serde(default)]
    pub first_token_ms: Option<i64>,
    /// When it was written.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
}

/// Which rows to list.
#[derive(Clone, Debug, Default)]
pub struct UsageFilter {
    /// Of this user.
    pub user: Option<RemoteUserId>,
    /// By this key.
    pub key: Option<RemoteKeyId>,
    /// Of this group.
    pub group: Option<RemoteGroupId>,
    /// Of this model.
    pub model: Option<String>,
    /// From this day on, `YYYY-MM-DD` in the host's time zone.
    pub start_date: Option<String>,
    /// Up to and with this day.
    pub end_date: Option<String>,
}

impl AdminClient {
    /// One page of 100 rows, newest first; the first page is 1. A page with no
    /// rows is the end: the total is an estimate on newer hosts.
    ///
    /// # Errors
    /// See [`AdminError`].
    pub async fn usage(&self, filter: &UsageFilter, page: u32) -> Result<Page<UsageRow>, AdminError> {
        let call = usage_call()
            .query("user_id", filter.user)
            .query("api_key_id", filter.key)
            .query("group_id", filter.group)
            .query("model", filter.model.as_deref())
            .query("start_date", filter.start_date.as_deref())
            .query("end_date", filter.end_date.as_deref());
        self.data(&call.query("page", Some(page)).query("page_size", Some(PAGE_SIZE))).await
    }

    /// The row of one request, by the `X-Client-Request-ID` of its answer. Older hosts send no such
    /// header and know no such filter: there it is always `None`.
    ///
    /// # Errors
    /// See [`AdminError`].
    pub async fn usage_of_request(&self, client_request_id: &str) -> Result<Option<UsageRow>, AdminError> {
        let request_id = format!("client:{client_request_id}");
        let page: Page<UsageRow> = self.data(&usage_call().query("request_id", Some(&request_id))).await?;
        // A host that does not know the filter answers with somebody's rows.
        Ok(page.items.into_iter().find(|row| row.request_id == request_id))
    }
}

fn usage_call() -> Call<'static> {
    Call::get(Identity::Admin, "/api/v1/admin/usage")
}

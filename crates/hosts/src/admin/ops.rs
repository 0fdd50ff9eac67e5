//! Live load of a host (sub2api-host-api.md §2.6), which hosts of 2026 tell when
//! their monitoring is on.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::call::{Call, Identity};
use super::client::AdminClient;
use super::error::AdminError;
use super::id::{RemoteAccountId, RemoteGroupId};
use super::paging::or_default;

/// Requests in flight and waiting.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Load {
    /// In flight.
    #[serde(default, deserialize_with = "or_default")]
    pub current_in_use: i64,
    /// At most; 0 is no limit.
    #[serde(default, deserialize_with = "or_default")]
    pub max_capacity: i64,
    /// Waiting for their turn.
    #[serde(default, deserialize_with = "or_default")]
    pub waiting_in_queue: i64,
}

/// Load by platform, group and account.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct OpsConcurrency {
    /// Whether the host watches; otherwise everything is empty.
    pub enabled: bool,
    /// By platform.
    #[serde(deserialize_with = "or_default")]
    pub platform: BTreeMap<String, Load>,
    /// By group.
    #[serde(deserialize_with = "or_default")]
    pub group: BTreeMap<RemoteGroupId, Load>,
    /// By account.
    #[serde(deserialize_with = "or_default")]
    pub account: BTreeMap<RemoteAccountId, Load>,
}

/// How many accounts can serve.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Availability {
    /// All.
    #[serde(default, deserialize_with = "or_default")]
    pub total_accounts: i64,
    /// That can serve now.
    #[serde(default, deserialize_with = "or_default")]
    pub available_count: i64,
    /// Limited by their upstream.
    #[serde(default, deserialize_with = "or_default")]
    pub rate_limit_count: i64,
    /// In error.
    #[serde(default, deserialize_with = "or_default")]
    pub error_count: i64,
}

/// Availability by platform and group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct OpsAvailability {
    /// Whether the host watches; otherwise everything is empty.
    pub enabled: bool,
    /// By platform.
    #[serde(deserialize_with = "or_default")]
    pub platform: BTreeMap<String, Availability>,
    /// By group.
    #[serde(deserialize_with = "or_default")]
    pub group: BTreeMap<RemoteGroupId, Availability>,
}

impl AdminClient {
    /// Load now, of one group or of all.
    ///
    /// # Errors
    /// [`AdminError::NoRoute`] where [`Capabilities::ops`](super::Capabilities::ops) is no;
    /// a refusal where monitoring is switched off. See [`AdminError`] for the rest.
    pub async fn ops_concurrency(&self, group: Option<RemoteGroupId>) -> Result<OpsConcurrency, AdminError> {
        self.data(&Call::get(Identity::Admin, "/api/v1/admin/ops/concurrency").query("group_id", group)).await
    }

    /// Accounts that can serve now, of one group or of all.
    ///
    /// # Errors
    /// As [`AdminClient::ops_concurrency`].
    pub async fn ops_availability(&self, group: Option<RemoteGroupId>) -> Result<OpsAvailability, AdminError> {
        self.data(&Call::get(Identity::Admin, "/api/v1/admin/ops/account-availability").query("group_id", group)).await
    }
}

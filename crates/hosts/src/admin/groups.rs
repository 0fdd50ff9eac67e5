//! Groups of a host (sub2api-host-api.md §2.1). They are read only: what a group
//! offers and costs is the host operator's business.

use relay_domain::Timestamp;
use serde::Deserialize;

use super::call::{Call, Identity};
use super::client::AdminClient;
use super::codes;
use super::error::AdminError;
use super::id::RemoteGroupId;
use super::paging::or_default;

const GROUPS: &str = "/api/v1/admin/groups";

/// A group.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Group {
    /// The host's id.
    pub id: RemoteGroupId,
    /// Mutable, and unique on the versions seen only.
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// The host's words.
    #[serde(default, deserialize_with = "or_default")]
    pub description: String,
    /// `openai`, `anthropic`, `gemini`, …
    #[serde(default, deserialize_with = "or_default")]
    pub platform: String,
    /// Whether it serves.
    #[serde(default, deserialize_with = "or_default")]
    pub status: GroupStatus,
    /// `standard` or `subscription`.
    #[serde(default, deserialize_with = "or_default")]
    pub subscription_type: String,
    /// Only for users who were given access.
    #[serde(default, deserialize_with = "or_default")]
    pub is_exclusive: bool,
    /// What prices are multiplied with.
    #[serde(default)]
    pub rate_multiplier: Option<f64>,
    /// USD a day; absent or 0 is no limit.
    #[serde(default)]
    pub daily_limit_usd: Option<f64>,
    /// USD a week; absent or 0 is no limit.
    #[serde(default)]
    pub weekly_limit_usd: Option<f64>,
    /// USD a month; absent or 0 is no limit.
    #[serde(default)]
    pub monthly_limit_usd: Option<f64>,
    /// Requests a minute; absent on older hosts, 0 is no limit.
    #[serde(default)]
    pub rpm_limit: Option<i64>,
    /// Upstream accounts in it.
    #[serde(default)]
    pub account_count: Option<i64>,
    /// Last change.
    #[serde(default)]
    pub updated_at: Option<Timestamp>,
}

impl Group {
    /// Whether subscriptions of it can be assigned.
    pub fn takes_subscriptions(&self) -> bool {
        self.subscription_type == "subscription"
    }
}

/// Whether a group serves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupStatus {
    /// It does.
    Active,
    /// Switched off. Older hosts serve its keys all the same.
    Inactive,
    /// A word we do not know, or none.
    #[default]
    #[serde(other)]
    Other,
}

/// How much of a group is in use now; hosts of 2026 only. 0 of a maximum means
/// that there is none.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct GroupCapacity {
    /// The group.
    pub group_id: RemoteGroupId,
    /// Requests in flight.
    #[serde(default, deserialize_with = "or_default")]
    pub concurrency_used: i64,
    /// Their maximum.
    #[serde(default, deserialize_with = "or_default")]
    pub concurrency_max: i64,
    /// Sessions.
    #[serde(default, deserialize_with = "or_default")]
    pub sessions_used: i64,
    /// Their maximum.
    #[serde(default, deserialize_with = "or_default")]
    pub sessions_max: i64,
    /// Requests this minute.
    #[serde(default, deserialize_with = "or_default")]
    pub rpm_used: i64,
    /// Their maximum.
    #[serde(default, deserialize_with = "or_default")]
    pub rpm_max: i64,
}

impl AdminClient {
    /// All groups, inactive ones included.
    ///
    /// # Errors
    /// See [`AdminError`].
    pub async fn groups(&self) -> Result<Vec<Group>, AdminError> {
        self.all(|| Call::get(Identity::Admin, GROUPS), |group: &Group| group.id).await
    }

    /// All active groups, in one call.
    ///
    /// # Errors
    /// See [`AdminError`].
    pub async fn active_groups(&self) -> Result<Vec<Group>, AdminError> {
        self.list(&Call::get(Identity::Admin, format!("{GROUPS}/all"))).await
    }

    /// One group.
    ///
    /// # Errors
    /// See [`AdminError`].
    pub async fn group(&self, id: RemoteGroupId) -> Result<Option<Group>, AdminError> {
        let call = Call::get(Identity::Admin, format!("{GROUPS}/{id}"));
        found(self.data(&call).await, codes::GROUP_NOT_FOUND)
    }

    /// All groups with exactly this name: among the active ones, or, when there
    /// is none, among all. No version promises that names are unique.
    ///
    /// # Errors
    /// See [`AdminError`].
    pub async fn find_groups_by_name(&self, name: &str) -> Result<Vec<Group>, AdminError> {
        let named =
            |groups: Vec<Group>| -> Vec<Group> { groups.into_iter().filter(|group| group.name == name).collect() };
        let active = named(self.active_groups().await?);
        if active.is_empty() { Ok(named(self.groups().await?)) } else { Ok(active) }
    }

    /// What is in use, per active group. [`Capabilities::capacity_summary`](super::Capabilities::capacity_summary)
    /// says whether the host can tell.
    ///
    /// # Errors
    /// See [`AdminError`]; older hosts take the path for a group's and refuse it with 400.
    pub async fn group_capacities(&self) -> Result<Vec<GroupCapacity>, AdminError> {
        self.list(&Call::get(Identity::Admin, format!("{GROUPS}/capacity-summary"))).await
    }
}

/// Takes the host's "no such thing" for what it is.
pub(super) fn found<T>(outcome: Result<T, AdminError>, missing: &str) -> Result<Option<T>, AdminError> {
    match outcome {
        Err(AdminError::Refused(refusal)) if refusal.status == 404 && refusal.code == missing => Ok(None),
        outcome => outcome.map(Some),
    }
}

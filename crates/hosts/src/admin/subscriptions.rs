//! Subscriptions of a host (sub2api-host-api.md §2.3, §3.2): a user's access to
//! a group for a time. There is at most one living one per user and group.

use relay_domain::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::call::{Call, IdempotencyKey, Identity};
use super::client::AdminClient;
use super::codes;
use super::error::AdminError;
use super::groups::found;
use super::id::{RemoteGroupId, RemoteSubscriptionId, RemoteUserId};
use super::paging::or_default;
use super::refusal::Refusal;

const SUBSCRIPTIONS: &str = "/api/v1/admin/subscriptions";

/// A subscription.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Subscription {
    /// The host's id.
    pub id: RemoteSubscriptionId,
    /// Whose.
    pub user_id: RemoteUserId,
    /// Of which group.
    pub group_id: RemoteGroupId,
    /// From then on.
    #[serde(default)]
    pub starts_at: Option<Timestamp>,
    /// Until then.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// What the host says of it. Alone it proves nothing: older hosts leave a
    /// past one `active` until a job comes by. See [`Subscription::is_live_at`].
    #[serde(default, deserialize_with = "or_default")]
    pub status: SubscriptionStatus,
    /// USD used today.
    #[serde(default, deserialize_with = "or_default")]
    pub daily_usage_usd: f64,
    /// USD used this week.
    #[serde(default, deserialize_with = "or_default")]
    pub weekly_usage_usd: f64,
    /// USD used this month.
    #[serde(default, deserialize_with = "or_default")]
    pub monthly_usage_usd: f64,
    /// When the present day of its limit began; absent before the first use.
    #[serde(default)]
    pub daily_window_start: Option<Timestamp>,
    /// When the present week began.
    #[serde(default)]
    pub weekly_window_start: Option<Timestamp>,
    /// When the present month of 30 days began.
    #[serde(default)]
    pub monthly_window_start: Option<Timestamp>,
    /// Notes; newer hosts compare them on assignment.
    #[serde(default, deserialize_with = "or_default")]
    pub notes: String,
    /// When the row was made.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
}

impl Subscription {
    /// Whether it gives access at that time, by what the host said of it. Pass
    /// now plus a margin to have some of it left.
    pub fn is_live_at(&self, at: Timestamp) -> bool {
        self.status == SubscriptionStatus::Active && self.expires_at.is_some_and(|end| end > at)
    }
}

/// What a host says of a subscription.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubscriptionStatus {
    /// Gives access until its end.
    Active,
    /// Past its end.
    Expired,
    /// Stopped by an administrator.
    Suspended,
    /// Taken away; newer hosts keep and list such rows.
    Revoked,
    /// A word we do not know, or none.
    #[default]
    #[serde(other)]
    Other,
}

impl SubscriptionStatus {
    fn as_query(self) -> Option<&'static str> {
        match self {
            Self::Active => Some("active"),
            Self::Expired => Some("expired"),
            Self::Suspended => Some("suspended"),
            Self::Revoked => Some("revoked"),
            Self::Other => None,
        }
    }
}

/// Which subscriptions to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct SubscriptionFilter {
    /// Of this user.
    pub user: Option<RemoteUserId>,
    /// Of this group.
    pub group: Option<RemoteGroupId>,
    /// By the host's word; older hosts go by the stored one, which lags behind `expires_at`.
    pub status: Option<SubscriptionStatus>,
}

/// A subscription to be assigned. Days and notes must be the same whenever it is
/// repeated: newer hosts compare both.
#[derive(Clone, Debug, Serialize)]
pub struct NewSubscription {
    /// For whom.
    pub user_id: RemoteUserId,
    /// Of which group.
    pub group_id: RemoteGroupId,
    /// For how long, from now; 1 to 36,500.
    pub validity_days: u32,
    /// Notes.
    pub notes: String,
}

/// How an assignment ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Assignment {
    /// There is one now: made, renewed, or the one there was. Not necessarily a
    /// living one: some versions return an expired or suspended row as it is.
    Subscription(Box<Subscription>),
    /// There is one already and the host leaves it alone: read it and judge by
    /// status and end.
    Exists(AssignmentConflict),
}

/// Why a host leaves the existing subscription alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssignmentConflict {
    /// It always does (older hosts), or somebody else assigned at the same moment (every version).
    AlreadyExists,
    /// Its days differ, which they also do after it was extended.
    ValidityDays,
    /// Its notes differ.
    Notes,
    /// It did not say.
    Other,
}

impl AssignmentConflict {
    fn of(refusal: &Refusal) -> Option<Self> {
        match refusal.code.as_str() {
            codes::SUBSCRIPTION_ALREADY_EXISTS => Some(Self::AlreadyExists),
            codes::SUBSCRIPTION_ASSIGN_CONFLICT => {
                Some(match refusal.metadata.get("conflict_reason").map(String::as_str) {
                    Some("validity_days_mismatch") => Self::ValidityDays,
                    Some("notes_mismatch") => Self::Notes,
                    _ => Self::Other,
                })
            }
            _ => None,
        }
    }
}

impl AdminClient {
    /// All subscriptions of a user, newest first. An unknown user has none.
    ///
    /// # Errors
    /// See [`AdminError`].
    pub async fn user_subscriptions(&self, user: RemoteUserId) -> Result<Vec<Subscription>, AdminError> {
        self.list(&Call::get(Identity::Admin, format!("/api/v1/admin/users/{user}/subscriptions"))).await
    }

    /// Subscriptions by filter, newest first. Without a status, newer hosts list revoked ones too.
    ///
    /// # Errors
    /// See [`AdminError`].
    pub async fn subscriptions(&self, filter: &SubscriptionFilter) -> Result<Vec<Subscription>, AdminError> {
        let call = || {
            Call::get(Identity::Admin, SUBSCRIPTIONS)
                .query("user_id", filter.user)
                .query("group_id", filter.group)
                .query("status", filter.status.and_then(SubscriptionStatus::as_query))
        };
        self.all(call, |subscription: &Subscription| subscription.id).await
    }

    /// One subscription; a revoked one is none.
    ///
    /// # Errors
    /// See [`AdminError`].
    pub async fn subscription(&self, id: RemoteSubscriptionId) -> Result<Option<Subscription>, AdminError> {
        let call = Call::get(Identity::Admin, format!("{SUBSCRIPTIONS}/{id}"));
        found(self.data(&call).await, codes::SUBSCRIPTION_NOT_FOUND)
    }

    /// Assigns a subscription.
    ///
    /// # Errors
    /// [`codes::GROUP_NOT_FOUND`], [`codes::GROUP_NOT_SUBSCRIPTION_TYPE`]; an unknown user is a
    /// [`AdminError::HostFault`] with status 500. See [`AdminError`] for the rest. When the answer is lost the
    /// assignment may have been made; repeating it is safe.
    pub async fn assign(&self, subscription: &NewSubscription) -> Result<Assignment, AdminError> {
        let call = Call::post(Identity::Admin, format!("{SUBSCRIPTIONS}/assign"), subscription);
        match self.data(&call).await {
            Ok(subscription) => Ok(Assignment::Subscription(Box::new(subscription))),
            Err(AdminError::Refused(refusal)) => match AssignmentConflict::of(&refusal) {
                Some(conflict) => Ok(Assignment::Exists(conflict)),
                None => Err(AdminError::Refused(refusal)),
            },
            Err(error) => Err(error),
        }
    }

    /// Adds days to the end of a subscription: to the old end even when that is
    /// past (older hosts, where it may stay in the past), or from now (newer
    /// ones). Read the answer. *Not* repeatable, but with `once`.
    ///
    /// # Errors
    /// [`codes::SUBSCRIPTION_NOT_FOUND`]; see [`AdminError`] for the rest.
    pub async fn extend(
        &self,
        id: RemoteSubscriptionId,
        days: u32,
        once: Option<&IdempotencyKey>,
    ) -> Result<Subscription, AdminError> {
        let path = format!("{SUBSCRIPTIONS}/{id}/extend");
        self.data(&Call::post(Identity::Admin, path, &json!({ "days": days })).once(once)).await
    }

    /// Takes a subscription away; false when there was none. Newer hosts keep
    /// the row and may serve its keys for some ten seconds more.
    ///
    /// # Errors
    /// See [`AdminError`].
    pub async fn revoke(&self, id: RemoteSubscriptionId) -> Result<bool, AdminError> {
        let call = Call::delete(Identity::Admin, format!("{SUBSCRIPTIONS}/{id}"));
        let gone: Option<serde::de::IgnoredAny> = found(self.data(&call).await, codes::SUBSCRIPTION_NOT_FOUND)?;
        Ok(gone.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_is_live_by_status_and_end() {
        let of = |status: &str, end: &str| -> Subscription {
            let text =
                format!("{{\"id\":1,\"user_id\":2,\"group_id\":3,\"status\":\"{status}\",\"expires_at\":{end}}}");
            serde_json::from_str(&text).unwrap()
        };
        let at = "2026-01-01T00:00:00Z".parse().unwrap();
        assert!(of("active", "\"2026-01-01T08:00:00.000001+08:00\"").is_live_at(at));
        assert!(!of("active", "\"2026-01-01T08:00:00+08:00\"").is_live_at(at));
        assert!(!of("active", "null").is_live_at(at));
        for status in ["expired", "suspended", "revoked", "paused", ""] {
            assert!(!of(status, "\"2027-01-01T00:00:00Z\"").is_live_at(at), "{status}");
        }
    }
}

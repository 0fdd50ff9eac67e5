//! What a gateway key can tell of itself (sub2api-host-api.md §3.4, §4.1).
//! These calls cost nothing and take no slot.

use relay_domain::{Secret, Timestamp};
use serde::Deserialize;

use super::call::{Call, Identity};
use super::client::AdminClient;
use super::error::AdminError;
use super::paging::or_default;

/// `GET /v1/usage`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct KeyUsage {
    /// By the host's word. True on newer hosts also without a living
    /// subscription: see [`KeyUsage::shows_access`].
    #[serde(default, rename = "isValid", deserialize_with = "or_default")]
    pub is_valid: bool,
    /// `unrestricted` or `quota_limited`; absent on older hosts.
    #[serde(default)]
    pub mode: Option<String>,
    /// The group's name, or the host's word for a balance.
    #[serde(default, rename = "planName", deserialize_with = "or_default")]
    pub plan_name: String,
    /// USD left of the tightest limit; -1 is no limit; absent when nothing is left to tell.
    #[serde(default)]
    pub remaining: Option<f64>,
    /// From then on the key is refused; newer hosts only, and only keys with a limit of their own.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// The living subscription behind the key; newer hosts only.
    #[serde(default)]
    pub subscription: Option<KeySubscription>,
    /// What the key itself may cost in all; newer hosts only.
    #[serde(default)]
    pub quota: Option<KeyQuota>,
    /// What the key itself may cost in a time; newer hosts only.
    #[serde(default, deserialize_with = "or_default")]
    pub rate_limits: Vec<KeyWindow>,
}

impl KeyUsage {
    /// Whether this shows that a subscription key is served. Older hosts refuse the call
    /// otherwise; newer ones answer it to any key and leave the subscription out, as they always do in simple mode.
    pub fn shows_access(&self) -> bool {
        self.is_valid && (self.mode.is_none() || self.subscription.is_some())
    }

    /// Whether the host speaks of the key's own limits and says nothing about its subscription.
    pub fn is_of_limited_key(&self) -> bool {
        self.mode.as_deref() == Some("quota_limited")
    }
}

/// The subscription behind a key.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct KeySubscription {
    /// Its end.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// USD used today.
    #[serde(default, deserialize_with = "or_default")]
    pub daily_usage_usd: f64,
    /// USD used this week.
    #[serde(default, deserialize_with = "or_default")]
    pub weekly_usage_usd: f64,
    /// USD used this month.
    #[serde(default, deserialize_with = "or_default")]
    pub monthly_usage_usd: f64,
    /// USD a day; `None` or 0 is no limit.
    #[serde(default)]
    pub daily_limit_usd: Option<f64>,
    /// USD a week.
    #[serde(default)]
    pub weekly_limit_usd: Option<f64>,
    /// USD a month.
    #[serde(default)]
    pub monthly_limit_usd: Option<f64>,
    /// When this week began.
    #[serde(default)]
    pub weekly_window_start: Option<Timestamp>,
}

/// What a key may cost in all.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct KeyQuota {
    /// USD.
    #[serde(default, deserialize_with = "or_default")]
    pub limit: f64,
    /// USD of it that are used.
    #[serde(default, deserialize_with = "or_default")]
    pub used: f64,
}

/// What a key may cost in a time.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct KeyWindow {
    /// `5h`, `1d` or `7d`.
    #[serde(default, deserialize_with = "or_default")]
    pub window: String,
    /// USD.
    #[serde(default, deserialize_with = "or_default")]
    pub limit: f64,
    /// USD of it that are used.
    #[serde(default, deserialize_with = "or_default")]
    pub used: f64,
    /// When it is whole again; absent before its first request.
    #[serde(default)]
    pub reset_at: Option<Timestamp>,
}

/// `GET /v1/sub2api/billing`: what the key's requests are multiplied with now.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct KeyBilling {
    /// Of the group.
    #[serde(default)]
    pub group_rate_multiplier: Option<f64>,
    /// Of the user, where it differs.
    #[serde(default)]
    pub user_rate_multiplier: Option<f64>,
    /// What counts now, peak hours included.
    #[serde(default)]
    pub effective_rate_multiplier: Option<f64>,
    /// By the host's clock.
    #[serde(default)]
    pub observed_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Models {
    #[serde(default, deserialize_with = "or_default")]
    data: Vec<Model>,
}

#[derive(Deserialize)]
struct Model {
    id: String,
}

impl AdminClient {
    /// Usage of a key.
    ///
    /// # Errors
    /// [`AdminError::Refused`] with the gateway's code when the key is not served. See [`AdminError`] for the rest.
    pub async fn key_usage(&self, key: &Secret) -> Result<KeyUsage, AdminError> {
        self.bare(&Call::get(Identity::Key(key), "/v1/usage")).await
    }

    /// The models listed for a key. The strictest proof that a key is served: every version wants a
    /// living subscription or a balance for it. Older hosts list models that the group may not serve.
    ///
    /// # Errors
    /// As [`AdminClient::key_usage`]; [`codes::SUBSCRIPTION_NOT_FOUND`](super::codes::SUBSCRIPTION_NOT_FOUND)
    /// can also be a passing fault of the host's database.
    pub async fn key_models(&self, key: &Secret) -> Result<Vec<String>, AdminError> {
        let models: Models = self.bare(&Call::get(Identity::Key(key), "/v1/models")).await?;
        Ok(models.data.into_iter().map(|model| model.id).collect())
    }

    /// Multipliers of a key.
    ///
    /// # Errors
    /// [`AdminError::NoRoute`] where [`Capabilities::key_billing`](super::Capabilities::key_billing) is no;
    /// refused with 404 where the host runs in simple mode, and with 403 for a key without a group. See [`AdminError`] for the rest.
    pub async fn key_billing(&self, key: &Secret) -> Result<KeyBilling, AdminError> {
        self.bare(&Call::get(Identity::Key(key), "/v1/sub2api/billing")).await
    }
}

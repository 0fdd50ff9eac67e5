//! Grants as operators see them: everything but the secrets.

use relay_domain::Timestamp;
use relay_store::{AccessKey, Grant, KeyState, Problem};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A grant.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = Grant)]
pub struct GrantView {
    /// The host.
    pub host_id: String,
    /// The subscription user.
    pub subscription_user: String,
    /// The host's id of the group.
    pub group_id: i64,
    /// `granted` or `revoked`: what is meant to be.
    pub want: &'static str,
    /// `pending`, `ready`, `refused` or `revoked`.
    pub state: &'static str,
    /// The step that is open; `idle` when none is.
    pub step: &'static str,
    /// The host's id of the user.
    #[schema(required)]
    pub managed_user_id: Option<i64>,
    /// The host's id of the subscription.
    #[schema(required)]
    pub subscription_id: Option<i64>,
    /// Whether the subscription is ours to renew.
    pub subscription_made: bool,
    /// The subscription's end.
    #[schema(required)]
    pub expires_at: Option<Timestamp>,
    /// The issue of the key in use.
    pub generation: u32,
    /// The issue that is meant to be in use.
    pub wanted_generation: u32,
    /// Why it is not what it is meant to be.
    #[schema(required)]
    pub problem: Option<Problem>,
    /// Failures in a row.
    pub failures: u32,
    /// When it is looked at next.
    #[schema(required)]
    pub due_at: Option<Timestamp>,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Issues of its key, newest first; only for one grant.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub keys: Option<Vec<KeyView>>,
    /// What the host said last of its quota; only for one grant.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub usage: Option<Value>,
}

/// An issue of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = GrantKey)]
pub struct KeyView {
    /// Which issue.
    pub generation: u32,
    /// `begun`, `live`, `retiring` or `retired`.
    pub state: &'static str,
    /// Whether Relay Manager made it; else it was made by hand and adopted.
    pub made: bool,
    /// The host's id of it.
    #[schema(required)]
    pub key_id: Option<i64>,
    /// `sha256:` and the digest of the key.
    pub fingerprint: String,
    /// When it was begun.
    pub begun_at: Timestamp,
    /// When it goes, once it was replaced.
    #[schema(required)]
    pub retire_at: Option<Timestamp>,
}

impl From<Grant> for GrantView {
    fn from(grant: Grant) -> Self {
        Self {
            host_id: grant.name.host.to_string(),
            subscription_user: grant.name.user.to_string(),
            group_id: grant.name.group_id,
            want: grant.want.as_str(),
            state: grant.state.as_str(),
            step: grant.step.as_str(),
            managed_user_id: grant.user_id,
            subscription_id: grant.subscription_id,
            subscription_made: grant.subscription_made,
            expires_at: grant.expires_at,
            generation: grant.generation,
            wanted_generation: grant.wanted_generation,
            problem: grant.problem,
            failures: grant.failures,
            due_at: grant.due_at,
            updated_at: grant.updated_at,
            keys: None,
            usage: None,
        }
    }
}

impl From<AccessKey> for KeyView {
    fn from(key: AccessKey) -> Self {
        Self {
            generation: key.generation,
            state: key.state.as_str(),
            made: key.made,
            key_id: key.remote_id,
            fingerprint: key.fingerprint.to_string(),
            begun_at: key.begun_at,
            retire_at: key.retire_at.filter(|_| key.state != KeyState::Retired),
        }
    }
}

//! The actions' answers, field by field (spec §3). A field that the contract
//! marks `?` is left out when there is nothing; any other is always there.

use std::sync::Arc;

use relay_domain::Timestamp;
use relay_ledger::AttemptRecord;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// Answer of `resolve-route`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Resolved {
    /// The request's id.
    pub request_id: String,
    /// Where bindings are kept.
    pub backend: &'static str,
    /// The group.
    pub logical_group_id: String,
    /// The model.
    pub public_model: String,
    /// `user`, `conversation` or `none`.
    pub scope: &'static str,
    /// The subject.
    pub subject_id: String,
    /// Opaque; null when the scope is `none`.
    #[schema(required)]
    pub sticky_key: Option<String>,
    /// Whether a binding was used.
    pub sticky_hit: bool,
    /// What stickiness did.
    pub sticky_action: &'static str,
    /// Not the best tier, or not the bound route, because those were not eligible.
    pub fallback_used: bool,
    /// The route.
    pub route_id: String,
    /// Its name.
    pub route_name: String,
    /// Its host.
    pub shadow_host_id: String,
    /// The group on the host: its id where that is known, else as configured.
    pub shadow_group_id: String,
    /// The model on the host as configured; empty means the public one.
    pub shadow_model: String,
    /// Its tier.
    pub priority: u32,
    /// Its weight.
    pub weight: u32,
    /// When the binding was made.
    #[schema(required)]
    pub bound_at: Option<Timestamp>,
    /// When it runs out.
    #[schema(required)]
    pub expires_at: Option<Timestamp>,
}

/// `F`: how the forward went.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Forward {
    /// Whether the host answered with success.
    pub ok: bool,
    /// The host.
    pub host_id: String,
    /// Where it is.
    pub host_base_url: String,
    /// The group on the host.
    pub shadow_group_id: String,
    /// The model that was sent.
    pub shadow_model: String,
    /// `requested_probe_api_key` or `managed_subscription`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub effective_gateway_key_source: Option<&'static str>,
    /// `sha256:` and hex of the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>)]
    pub effective_gateway_key_fingerprint: Option<Arc<str>>,
    /// The host user of a managed key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub managed_user_id: Option<String>,
    /// The path below the base URL.
    pub upstream_path: &'static str,
    /// The host's status; null when none came.
    #[schema(required)]
    pub upstream_status: Option<u16>,
    /// From sending to the end of the answer, in milliseconds.
    pub latency_ms: u64,
    /// `Content-Type` of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub content_type: Option<String>,
    /// Class of the error.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub error_class: Option<&'static str>,
    /// The error in words; never holds a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub error_message: Option<String>,
    /// The answer: its JSON, or its trimmed text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<Value>)]
    pub response: Option<Box<RawValue>>,
}

/// Answer of `proxy-route-chat-completions`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Proxied {
    /// The resolution.
    pub resolve: Resolved,
    /// The forward.
    pub forward: Forward,
    /// With `failover`: every try.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub attempts: Option<Vec<AttemptRecord>>,
}

/// Answer of `route-chat-completions`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Routed {
    /// The request's id.
    pub request_id: String,
    /// Where bindings are kept.
    pub backend: &'static str,
    /// The group.
    pub logical_group_id: String,
    /// The model.
    pub model: String,
    /// `user`, `conversation` or `none`.
    pub scope: &'static str,
    /// The subject.
    pub subject_id: String,
    /// Opaque; null when the scope is `none`.
    #[schema(required)]
    pub sticky_key: Option<String>,
    /// Whether a binding was used.
    pub sticky_hit: bool,
    /// What stickiness did.
    pub sticky_action: &'static str,
    /// As in [`Resolved`]; left out when false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub fallback_used: bool,
    /// The route.
    pub selected_route: SelectedRoute,
    /// The forward.
    pub forward: Forward,
    /// With `failover`: every try.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub attempts: Option<Vec<AttemptRecord>>,
}

/// The route of [`Routed`].
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SelectedRoute {
    /// The route.
    pub route_id: String,
    /// Its name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub route_name: String,
    /// Its host.
    pub shadow_host_id: String,
    /// The group on the host.
    pub shadow_group_id: String,
    /// The model on the host, when it has a name of its own.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub shadow_model: String,
    /// Its tier.
    pub priority: u32,
    /// Its weight.
    pub weight: u32,
    /// When the binding was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub bound_at: Option<Timestamp>,
    /// When it runs out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub expires_at: Option<Timestamp>,
}

impl From<Proxied> for Routed {
    fn from(Proxied { resolve, forward, attempts }: Proxied) -> Self {
        Self {
            request_id: resolve.request_id,
            backend: resolve.backend,
            logical_group_id: resolve.logical_group_id,
            model: resolve.public_model,
            scope: resolve.scope,
            subject_id: resolve.subject_id,
            sticky_key: resolve.sticky_key,
            sticky_hit: resolve.sticky_hit,
            sticky_action: resolve.sticky_action,
            fallback_used: resolve.fallback_used,
            selected_route: SelectedRoute {
                route_id: resolve.route_id,
                route_name: resolve.route_name,
                shadow_host_id: resolve.shadow_host_id,
                shadow_group_id: resolve.shadow_group_id,
                shadow_model: resolve.shadow_model,
                priority: resolve.priority,
                weight: resolve.weight,
                bound_at: resolve.bound_at,
                expires_at: resolve.expires_at,
            },
            forward,
            attempts,
        }
    }
}

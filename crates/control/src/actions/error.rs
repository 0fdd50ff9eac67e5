//! Why an action gave no answer (spec §3, "Errors of the actions").

use relay_domain::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A route that could not serve, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RouteReason {
    /// The route.
    pub route_id: String,
    /// Its host.
    pub host_id: String,
    /// The exclusion's label: `cooling_down`.
    pub reason: &'static str,
    /// The exclusion in words.
    pub message: String,
}

/// An action failed before it had an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    /// Unknown group, model or host.
    #[error("{0}")]
    NotFound(String),
    /// Routes there are, and none may serve now.
    #[error("no route of group \"{group}\" can serve model \"{model}\" now{}", in_words(reasons))]
    NoEligibleRoute {
        /// The group.
        group: String,
        /// The model.
        model: String,
        /// Every route with its reason.
        reasons: Vec<RouteReason>,
        /// The soonest that one may be tried again.
        retry_at: Option<Timestamp>,
    },
    /// A part that the action needs is not there.
    #[error("{0}")]
    ServerMisconfigured(String),
    /// The host's admin API failed us, or answered what cannot be used.
    #[error("{0}")]
    Host(String),
    /// The decision log does not take the decision.
    #[error("the decision log cannot be written")]
    LogUnavailable,
}

impl ActionError {
    /// `error.code` (spec §3).
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "not_found",
            Self::NoEligibleRoute { .. } => "no_eligible_route",
            Self::ServerMisconfigured(_) => "server_misconfigured",
            Self::Host(_) => "host_error",
            Self::LogUnavailable => "log_unavailable",
        }
    }

    /// HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::NotFound(_) => 404,
            Self::NoEligibleRoute { .. } | Self::LogUnavailable => 503,
            Self::ServerMisconfigured(_) => 500,
            Self::Host(_) => 502,
        }
    }

    /// `error.details`.
    pub fn details(&self) -> Option<Value> {
        match self {
            Self::NoEligibleRoute { reasons, .. } => serde_json::to_value(reasons).ok(),
            _ => None,
        }
    }
}

fn in_words(reasons: &[RouteReason]) -> String {
    let mut words = String::new();
    for (position, reason) in reasons.iter().enumerate() {
        words.push_str(if position == 0 { ": " } else { "; " });
        words.push_str(&reason.route_id);
        words.push_str(": ");
        words.push_str(&reason.message);
    }
    words
}

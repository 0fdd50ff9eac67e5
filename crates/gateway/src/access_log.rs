//! The access log: a line of the process's log for each request that has ended, for whoever collects logs and not
//! the decision log. Off by default, and then nothing of it exists.
//!
//! A line names what the decision's row names. No prompt, answer, key or header is in it.

use std::sync::Arc;

use relay_ledger::Outcome;
use relay_routing::Surface;

use crate::error::GatewayError;
use crate::request_id::RequestId;

/// What collectors can tell these lines by, and `RELAY_MANAGER_LOG` filter.
const TARGET: &str = "relay_access";

/// What the line of a decision says beside its outcome.
pub(crate) struct AccessLine {
    pub(crate) consumer: Arc<str>,
    pub(crate) group: Option<Arc<str>>,
    pub(crate) model: Arc<str>,
}

impl AccessLine {
    /// Writes the line of a request that became a decision.
    pub(crate) fn write(&self, id: &RequestId, surface: Surface, outcome: &Outcome) {
        tracing::info!(
            target: TARGET,
            request_id = id.as_str(),
            surface = surface.as_str(),
            consumer = &*self.consumer,
            logical_group_id = self.group.as_deref(),
            public_model = &*self.model,
            route_id = outcome.route_id.as_deref(),
            host_id = outcome.host_id.as_deref(),
            status = outcome.client_status,
            verdict = outcome.verdict.as_str(),
            class = outcome.error_class,
            attempts = outcome.attempts.len(),
            ms = outcome.latency_us as f64 / 1e3,
            "request"
        );
    }
}

/// Writes the line of a request that was refused before it could become a decision: an unknown key, a body that
/// cannot be read.
pub(crate) fn refused(id: &RequestId, error: &GatewayError) {
    let status = error.status.as_u16();
    tracing::info!(target: TARGET, request_id = id.as_str(), status, verdict = "refused", class = error.code, "request");
}

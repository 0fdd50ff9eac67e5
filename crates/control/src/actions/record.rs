//! The decision that each action leaves in the log: intent, then outcome (spec §7).

use std::sync::Arc;

use relay_domain::Timestamp;
use relay_ledger::{AttemptRecord, CandidateRecord, Intent, Outcome, Ticket, Usage, Verdict};
use tokio::time::Instant;

use super::error::ActionError;
use super::input::ResolveRequest;
use super::resolution::Resolution;
use crate::Control;

/// Where the subject of an action comes from.
const SUBJECT_SOURCE: &str = "request";

/// One call of an action, from its arrival on.
pub(super) struct Call<'a> {
    pub(super) control: &'a Control,
    pub(super) request: &'a ResolveRequest,
    pub(super) surface: &'static str,
    pub(super) at: Timestamp,
    started: Instant,
}

/// What an outcome says beside what every one says.
#[derive(Default)]
pub(super) struct Ended {
    pub(super) verdict: Option<Verdict>,
    pub(super) error_class: Option<&'static str>,
    pub(super) error_message: Option<String>,
    pub(super) client_status: u16,
    pub(super) shadow_group_id: Option<String>,
    pub(super) upstream_status: Option<u16>,
    pub(super) upstream_request_id: Option<String>,
    pub(super) first_output_us: Option<u64>,
    pub(super) request_bytes: u64,
    pub(super) response_bytes: u64,
    pub(super) usage: Usage,
    pub(super) key_source: Option<&'static str>,
    pub(super) key_fingerprint: Option<Arc<str>>,
    pub(super) possible_double_bill: bool,
    pub(super) attempts: Vec<AttemptRecord>,
}

impl<'a> Call<'a> {
    pub(super) fn new(control: &'a Control, request: &'a ResolveRequest, surface: &'static str) -> Self {
        Self { control, request, surface, at: control.now(), started: Instant::now() }
    }

    /// The row of a request that found no pool.
    pub(super) fn unlocated(&self, generation: u64) -> Intent {
        let request = self.request;
        Intent {
            at: self.at,
            request_id: request.request_id.clone(),
            client_request_id: None,
            generation,
            surface: self.surface,
            consumer: None,
            logical_group_id: request.logical_group_id.as_str().into(),
            public_model: request.public_model.as_str().into(),
            scope: request.scope.as_str(),
            sticky_key: None,
            sticky_type: None,
            sticky_source: None,
            sticky_hit: false,
            sticky_action: "none",
            route_id: None,
            host_id: None,
            shadow_group_id: None,
            shadow_model: None,
            fallback_used: false,
            stream: false,
            user_key: request.user_key.clone(),
            conversation_key: request.conversation_key.clone(),
            seed: 0,
            candidates: Vec::new(),
        }
    }

    /// The row of a planned request.
    pub(super) fn planned(&self, resolution: &Resolution<'_>) -> Intent {
        let route = resolution.route_at(0).map(|(route, _)| route);
        let is_sticky = resolution.sticky_key.is_some();
        let filled = |text: &str| (!text.is_empty()).then(|| Arc::from(text));
        Intent {
            sticky_key: resolution.sticky_key.map(|key| key.to_string().into()),
            sticky_type: is_sticky.then_some(self.request.scope.as_str()),
            sticky_source: is_sticky.then_some(SUBJECT_SOURCE),
            sticky_hit: resolution.plan.sticky_hit,
            sticky_action: resolution.plan.sticky_action.as_str(),
            route_id: route.map(|route| route.id.shared()),
            host_id: route.map(|route| route.host.shared()),
            shadow_group_id: route.and_then(|route| filled(&route.shadow_group)),
            shadow_model: route.and_then(|route| filled(&route.shadow_model)),
            fallback_used: resolution.plan.fallback_used,
            seed: resolution.plan.seed,
            candidates: candidates(resolution),
            ..self.unlocated(resolution.snapshot.generation())
        }
    }

    /// Queues the intent.
    pub(super) async fn open(&self, intent: Intent) -> Result<Ticket, ActionError> {
        self.control.parts.ledger.intent(Box::new(intent)).await.map_err(|_| ActionError::LogUnavailable)
    }

    /// Adds the outcome, and with `sync` waits until both rows are on disk.
    pub(super) async fn close(
        &self,
        ticket: &Ticket,
        resolution: Option<&Resolution<'_>>,
        ended: Ended,
    ) -> Result<(), ActionError> {
        let route = resolution.and_then(Resolution::route).map(|(route, _)| route);
        let settlement = resolution.and_then(|resolution| resolution.settlement.as_ref());
        let outcome = Outcome {
            at: self.control.now(),
            verdict: ended.verdict.unwrap_or(Verdict::Failed),
            error_class: ended.error_class,
            error_message: ended.error_message,
            route_id: route.map(|route| route.id.shared()),
            host_id: route.map(|route| route.host.shared()),
            shadow_group_id: ended.shadow_group_id.filter(|group| !group.is_empty()).map(Arc::from),
            shadow_model: route
                .map(|route| route.shadow_model.as_str())
                .filter(|model| !model.is_empty())
                .map(Arc::from),
            sticky_hit: settlement.is_some_and(|settlement| settlement.sticky_hit),
            fallback_used: settlement.is_some_and(|settlement| settlement.fallback_used),
            sticky_action: settlement.map_or("none", |settlement| settlement.sticky_action.as_str()),
            client_status: Some(ended.client_status),
            upstream_status: ended.upstream_status,
            latency_us: self.started.elapsed().as_micros() as u64,
            first_output_us: ended.first_output_us,
            overhead_us: None,
            request_bytes: ended.request_bytes,
            response_bytes: ended.response_bytes,
            usage: ended.usage,
            price_nanos: None,
            cost_nanos: None,
            cache_saved_nanos: None,
            key_source: ended.key_source,
            key_fingerprint: ended.key_fingerprint,
            upstream_request_id: ended.upstream_request_id,
            possible_double_bill: ended.possible_double_bill,
            panic: false,
            attempts: ended.attempts,
        };
        let ledger = &self.control.parts.ledger;
        ledger.outcome(ticket.reference(), Box::new(outcome));
        ledger.flush();
        if self.request.sync {
            ledger.settle().await;
            self.control.is_on_disk(&self.request.request_id).await?;
        }
        Ok(())
    }

    /// Records a refusal that came before anything was tried, and hands it back.
    pub(super) async fn refuse(
        &self,
        intent: Intent,
        resolution: Option<&Resolution<'_>>,
        error: ActionError,
    ) -> ActionError {
        let ticket = match self.open(intent).await {
            Ok(ticket) => ticket,
            Err(stalled) => return stalled,
        };
        if ticket.committed().await.is_err() {
            return ActionError::LogUnavailable;
        }
        let ended = Ended {
            error_class: Some(error.code()),
            error_message: Some(error.to_string()),
            client_status: error.status(),
            ..Ended::default()
        };
        match self.close(&ticket, resolution, ended).await {
            Ok(()) => error,
            Err(stalled) => stalled,
        }
    }
}

fn candidates(resolution: &Resolution<'_>) -> Vec<CandidateRecord> {
    let record = |index, verdict, reason| {
        let route = &resolution.snapshot.route(index).route;
        CandidateRecord {
            route_id: route.id.shared(),
            host_id: route.host.shared(),
            tier: route.priority.into(),
            weight: route.weight,
            verdict,
            reason,
        }
    };
    let plan = &resolution.plan;
    let eligible = plan
        .candidates
        .iter()
        .enumerate()
        .map(|(position, candidate)| record(candidate.route, if position == 0 { "first" } else { "next" }, None));
    let excluded = plan.excluded.iter().map(|out| record(out.route, "excluded", Some(out.reason.to_string())));
    eligible.chain(excluded).collect()
}

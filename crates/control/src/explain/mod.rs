//! Why a request went where it went, or would go: the decision, the fleet it was made in, and a text for people.
//!
//! A decision is not only told but made again: the fleet of then, the recorded seed and binding, and what is on
//! record of health give the same plan, or the answer says in what they differ. What has not happened is planned
//! against the fleet, health and bindings of now; nothing is bound.

mod customers;
mod hypothetical;
mod now;
mod planned_again;
#[cfg(test)]
mod tests;
mod words;

use std::sync::Arc;

use relay_domain::Generation;
use relay_ledger::{Decision, DecisionAttempt, DecisionCandidate};
use relay_routing::Snapshot;
use serde::Serialize;
use utoipa::ToSchema;

pub use hypothetical::{BindingPart, Hypothetical, HypotheticalError, Question};
pub use now::NowPart;
pub use planned_again::PlannedAgain;

use crate::Control;
use crate::generations::GenerationError;
use crate::page::QueryError;
use crate::records::GenerationView;
use crate::words::Language;

/// A decision explained.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Explained {
    /// The request's id.
    pub request_id: String,
    /// The generation that the plan was made from; null when its record is gone.
    #[schema(required)]
    pub generation: Option<GenerationView>,
    /// Whether that generation is still in force.
    pub generation_in_force: bool,
    /// Every route looked at, with its verdict, in the plan's order.
    pub candidates: Vec<DecisionCandidate>,
    /// Stickiness.
    pub sticky: StickyPart,
    /// Every try at a host.
    pub attempts: Vec<DecisionAttempt>,
    /// Where the time went, in microseconds.
    pub timings: Timings,
    /// The whole decision.
    pub decision: Decision,
    /// The same request planned again in the fleet of then, or of the generation asked for; null when that fleet is
    /// forgotten, or nothing was planned.
    pub planned_again: Option<PlannedAgain>,
    /// Where the same request would go now; null when nothing was planned, or its group or model is gone.
    pub now: Option<NowPart>,
    /// The same in words. Names hosts: for operators, not for customers.
    pub text: String,
    /// For whoever made the request: names no host, route or group.
    pub customer_text: String,
}

/// A decision was not explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The generation to plan it in is not there.
    #[error(transparent)]
    Generation(#[from] GenerationError),
    /// The log or the store could not be read.
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// Stickiness of a decision.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ExplainedStickiness)]
pub struct StickyPart {
    /// What it was keyed by.
    pub scope: String,
    /// The binding's key.
    #[schema(required)]
    pub key: Option<String>,
    /// Where the subject was found.
    #[schema(required)]
    pub source: Option<String>,
    /// Whether a binding was used.
    pub hit: bool,
    /// What became of the binding.
    pub action: String,
}

/// Where the time of a request went.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ExplainedTimings)]
pub struct Timings {
    /// Arrival to end.
    #[schema(required)]
    pub latency_us: Option<u64>,
    /// Arrival to first output.
    #[schema(required)]
    pub first_output_us: Option<u64>,
    /// Our own part.
    #[schema(required)]
    pub overhead_us: Option<u64>,
    /// All tries together.
    pub attempts_us: u64,
}

impl Control {
    /// Explains the newest decision with this request id; `None` when there is none. It is planned again in the fleet
    /// of then, or in that of `at`. Both texts are in `language`.
    ///
    /// # Errors
    /// See [`ExplainError`].
    pub async fn explain(
        &self,
        request_id: &str,
        at: Option<Generation>,
        language: Language,
    ) -> Result<Option<Explained>, ExplainError> {
        let Some(decision) = self.decision(request_id).await? else { return Ok(None) };
        let generation = self.generation_record(decision.generation).await.map_err(QueryError::from)?;
        let snapshot = match at {
            Some(at) => Some(self.snapshot_of(at).await?),
            // That it is forgotten is no fault of whoever asks for the decision.
            None => self.snapshot_of(decision.generation).await.ok(),
        };
        let planned_again = snapshot.and_then(|snapshot| PlannedAgain::of(&decision, &snapshot));
        let now = self.now_part(&decision).await;
        let text = words::for_operators(&decision, generation.as_ref(), planned_again.as_ref(), now.as_ref(), language);
        Ok(Some(Explained {
            request_id: decision.request_id.clone(),
            generation_in_force: decision.generation == self.generation(),
            generation,
            candidates: decision.candidates.clone(),
            sticky: StickyPart {
                scope: decision.scope.clone(),
                key: decision.sticky_key.clone(),
                source: decision.sticky_source.clone(),
                hit: decision.sticky_hit,
                action: decision.sticky_action.clone(),
            },
            attempts: decision.attempts.clone(),
            timings: Timings {
                latency_us: decision.latency_us,
                first_output_us: decision.first_output_us,
                overhead_us: decision.overhead_us,
                attempts_us: decision.attempts.iter().map(|attempt| attempt.us).sum(),
            },
            planned_again,
            now,
            text,
            customer_text: customers::told(&decision, language),
            decision,
        }))
    }

    async fn snapshot_of(&self, generation: Generation) -> Result<Arc<Snapshot>, GenerationError> {
        if generation == self.generation() {
            return Ok(self.snapshot());
        }
        Ok(Arc::new(Snapshot::build(&self.fleet_of(generation).await?)))
    }
}

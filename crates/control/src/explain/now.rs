//! Where a past request would go now: the fleet, health and binding of this moment.

use std::time::Instant;

use relay_domain::Generation;
use relay_ledger::{Decision, DecisionCandidate};
use relay_routing::{StickyInput, StickyKey};
use serde::Serialize;
use utoipa::ToSchema;

use super::planned_again::{candidates, passage};
use crate::Control;
use crate::replay::Lane;

/// Where the same request would go now.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NowPart {
    /// The generation in force.
    #[schema(value_type = u64)]
    pub generation: Generation,
    /// The route that comes first; null: none may serve.
    pub route_id: Option<String>,
    /// Its host.
    pub host_id: Option<String>,
    /// Every route looked at, in the plan's order, the excluded last.
    pub candidates: Vec<DecisionCandidate>,
}

impl Control {
    pub(super) async fn now_part(&self, decision: &Decision) -> Option<NowPart> {
        if decision.candidates.is_empty() {
            return None;
        }
        let (snapshot, now) = (self.snapshot(), self.now());
        let lane = Lane::find(&snapshot, &passage(decision), now).ok()?;
        let key = decision.sticky_key.as_deref().and_then(|key| key.parse::<StickyKey>().ok());
        let binding = match &key {
            Some(key) => self.parts.bindings.lookup(key, now).await,
            None => None,
        };
        let sticky = key.map(|key| StickyInput { key, binding: binding.as_ref() });
        let health = self.parts.health.at(Instant::now(), now);
        let plan = lane.plan(&health, &lane.keys(), sticky, decision.seed, now);
        let candidates = candidates(&plan, &snapshot, |_| None);
        let first = candidates.first().filter(|first| first.verdict == "first");
        Some(NowPart {
            generation: snapshot.generation(),
            route_id: first.map(|first| first.route_id.clone()),
            host_id: first.map(|first| first.host_id.clone()),
            candidates,
        })
    }
}

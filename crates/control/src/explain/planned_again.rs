//! A decision planned again: the same facts against a whole fleet of then, or of any generation.
//!
//! The plan is a function of what the log has, but for three things. Health and limits of then are known as far
//! as they excluded a route: such a route is taken to be as unwell now as it was. The binding is known when it was
//! used; when the first choice failed, both possibilities are tried. Who made the response that a
//! `previous_response_id` names shows in the reasons alone, and is treated like health.

use std::collections::HashMap;

use relay_domain::{Generation, HostId, RouteId, Timestamp};
use relay_ledger::{Decision, DecisionCandidate, Passage};
use relay_routing::{
    Binding, CredentialFault, CredentialView, HealthView, Plan, RouteEntry, RouteHealth, Snapshot, StickyInput,
    StickyKey,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::replay::{Keys, Lane};

/// A decision planned again.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PlannedAgain {
    /// In the fleet of this generation.
    #[schema(value_type = u64)]
    pub generation: Generation,
    /// Whether the same routes come in the same order, and the same ones may not serve.
    pub same: bool,
    /// The route that comes first.
    pub route_id: Option<String>,
    /// Its host.
    pub host_id: Option<String>,
    /// Every route looked at, in the plan's order, the excluded last.
    pub candidates: Vec<DecisionCandidate>,
    /// In what it differs from what is on record, a line each.
    pub differences: Vec<String>,
}

impl PlannedAgain {
    /// `None` when nothing was planned then.
    pub(super) fn of(decision: &Decision, snapshot: &Snapshot) -> Option<Self> {
        if decision.candidates.is_empty() {
            return None;
        }
        let recorded = Recorded::of(decision);
        let lane = match Lane::find(snapshot, &passage(decision), Timestamp::MIN) {
            Ok(lane) => lane,
            Err(refusal) => return Some(Self::refused(snapshot.generation(), refusal.as_str())),
        };
        let key = decision.sticky_key.as_deref().and_then(|key| key.parse::<StickyKey>().ok());
        let tries = bindings(decision).into_iter().map(|binding| {
            let sticky = key.map(|key| StickyInput { key, binding: binding.as_ref() });
            let keys = RecordedKeys { recorded: &recorded, keys: lane.keys() };
            let plan = lane.plan(&recorded, &keys, sticky, decision.seed, decision.at);
            Self::told(&plan, snapshot, decision, &recorded)
        });
        let mut tries: Vec<Self> = tries.collect();
        let best = tries.iter().position(|again| again.same).unwrap_or(0);
        (!tries.is_empty()).then(|| tries.swap_remove(best))
    }

    fn refused(generation: Generation, reason: &str) -> Self {
        Self {
            generation,
            same: false,
            route_id: None,
            host_id: None,
            candidates: Vec::new(),
            differences: vec![format!("it would be refused: {reason}")],
        }
    }

    fn told(plan: &Plan, snapshot: &Snapshot, decision: &Decision, recorded: &Recorded<'_>) -> Self {
        let candidates = candidates(plan, snapshot, |route| recorded.reason(route));
        let differences = differences(&decision.candidates, &candidates);
        let first = candidates.first().filter(|first| first.verdict == "first");
        Self {
            generation: snapshot.generation(),
            same: differences.is_empty(),
            route_id: first.map(|first| first.route_id.clone()),
            host_id: first.map(|first| first.host_id.clone()),
            differences,
            candidates,
        }
    }
}

/// The plan as decisions record it; `reason` may know better why a route is out.
pub(super) fn candidates<'r>(
    plan: &Plan,
    snapshot: &Snapshot,
    reason: impl Fn(&str) -> Option<&'r str>,
) -> Vec<DecisionCandidate> {
    let record = |index, verdict: &str, why: Option<String>| {
        let route = &snapshot.route(index).route;
        DecisionCandidate {
            route_id: route.id.to_string(),
            host_id: route.host.to_string(),
            tier: route.priority.into(),
            weight: route.weight,
            verdict: verdict.to_owned(),
            reason: why,
        }
    };
    let eligible = plan.candidates.iter().enumerate();
    let eligible =
        eligible.map(|(at, candidate)| record(candidate.route, if at == 0 { "first" } else { "next" }, None));
    let excluded = plan.excluded.iter().map(|out| {
        let route = snapshot.route(out.route).route.id.as_str();
        record(out.route, "excluded", Some(reason(route).map_or_else(|| out.reason.to_string(), str::to_owned)))
    });
    eligible.chain(excluded).collect()
}

/// The decision as the replay's lanes take it.
pub(super) fn passage(decision: &Decision) -> Passage<'_> {
    Passage {
        seq: decision.seq,
        at: decision.at,
        surface: &decision.surface,
        consumer: decision.consumer.as_deref(),
        logical_group_id: &decision.logical_group_id,
        public_model: &decision.public_model,
        sticky_key: decision.sticky_key.as_deref(),
        sticky_hit: decision.sticky_hit,
        planned_route_id: decision.planned_route_id.as_deref(),
        planned_host_id: None,
        seed: decision.seed,
        end: None,
    }
}

/// The bindings that the request may have had, the likeliest first.
fn bindings(decision: &Decision) -> Vec<Option<Binding>> {
    let planned = decision.planned_route_id.as_deref();
    let host = decision.candidates.iter().find(|candidate| Some(candidate.route_id.as_str()) == planned);
    let planned = host.and_then(|candidate| {
        Some(Binding {
            route_id: RouteId::new(&candidate.route_id).ok()?,
            host_id: HostId::new(&candidate.host_id).ok()?,
            bound_at: decision.at,
            expires_at: Timestamp::MAX,
            last_used_at: decision.at,
            moved: false,
        })
    });
    match decision.sticky_action.as_str() {
        "hit" => vec![planned],
        "bind" => vec![None],
        _ => vec![None, planned],
    }
}

/// What is on record of routes that could not serve for a reason that is in no fleet.
struct Recorded<'d>(HashMap<&'d str, &'d str>);

/// How the reasons begin that a fleet gives by itself; see `relay_routing::Exclusion`.
const OF_THE_FLEET: [&str; 8] = [
    "the group is disabled",
    "the host is disabled",
    "the route is disabled",
    "the host does not speak",
    "it was already tried",
    "it is drained",
    "the host has no gateway_key",
    "the consumer key has no subscription_user",
];

impl<'d> Recorded<'d> {
    fn of(decision: &'d Decision) -> Self {
        let excluded = decision.candidates.iter().filter(|candidate| candidate.verdict == "excluded");
        let passing = excluded.filter_map(|candidate| {
            let reason = candidate.reason.as_deref()?;
            let is_passing = !OF_THE_FLEET.iter().any(|known| reason.starts_with(known));
            is_passing.then_some((candidate.route_id.as_str(), reason))
        });
        Self(passing.collect())
    }

    fn reason(&self, route: &str) -> Option<&'d str> {
        self.0.get(route).copied()
    }
}

impl HealthView for Recorded<'_> {
    fn route(&self, route: &RouteEntry, _now: Timestamp) -> RouteHealth {
        match self.reason(route.route.id.as_str()) {
            // Of a bound route that is busy the conversation borrows; of others it moves.
            Some(reason) if reason.starts_with("it is busy") || reason.starts_with("it is over its limit") => {
                RouteHealth::Busy
            }
            Some(_) => RouteHealth::CoolingDown { until: Timestamp::MAX },
            None => RouteHealth::Available,
        }
    }
}

/// Keys as the fleet tells of them, but that a key which was excluded is told by [`Recorded`].
struct RecordedKeys<'a> {
    recorded: &'a Recorded<'a>,
    keys: Keys<'a>,
}

impl CredentialView for RecordedKeys<'_> {
    fn usable(&self, route: &RouteEntry, now: Timestamp) -> Result<(), CredentialFault> {
        if self.recorded.reason(route.route.id.as_str()).is_some() {
            return Ok(());
        }
        self.keys.usable(route, now)
    }

    fn is_identity(&self, _route: &RouteEntry, _identity: &str) -> bool {
        true
    }
}

fn differences(recorded: &[DecisionCandidate], again: &[DecisionCandidate]) -> Vec<String> {
    let place = |of: &[DecisionCandidate], route: &str| {
        let at = of.iter().position(|candidate| candidate.route_id == route)?;
        let candidate = &of[at];
        Some(if candidate.verdict == "excluded" {
            format!("excluded ({})", candidate.reason.as_deref().unwrap_or("no reason recorded"))
        } else {
            format!("number {}", at + 1)
        })
    };
    let same = |a: &str, b: &str| a == b || (a.starts_with("excluded") && b.starts_with("excluded"));
    let mut differences = Vec::new();
    for candidate in recorded {
        let route = &candidate.route_id;
        let was = place(recorded, route).unwrap_or_default();
        match place(again, route) {
            None => differences.push(format!("{route} was {was}; it is not there")),
            Some(is) if !same(&was, &is) => differences.push(format!("{route} was {was}; it is {is}")),
            Some(_) => {}
        }
    }
    let is_new = |candidate: &&DecisionCandidate| place(recorded, &candidate.route_id).is_none();
    differences.extend(again.iter().filter(is_new).map(|new| format!("{} was not there", new.route_id)));
    differences
}

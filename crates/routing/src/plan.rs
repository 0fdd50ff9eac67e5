//! The plan of a request: which routes may serve it, in which order they are to
//! be tried, and why the others may not (spec §4).
//!
//! Eligibility → stickiness → tier → weight, in that order. Each route of the pool
//! appears once, as candidate or as excluded. Candidates run tier by tier, inside a
//! tier by rendezvous cost, and the bound route comes before all of them while its
//! binding counts. The first candidate is therefore in a lower tier only when
//! nothing above is eligible; the lower tiers follow for failing over once the
//! better ones are used up.
//!
//! A plan is a function of its input alone: the same snapshot, facts, `now` and
//! seed give the same plan, on any machine.

use relay_domain::{Failback, Generation, HostId, Timestamp};

use crate::affinity::{Binding, BindingState, StickyKey};
use crate::score::{cost, mix64};
use crate::{CredentialView, Excluded, Exclusion, HealthView, Pool, RouteEntry, RouteIndex, Snapshot, Surface};

/// The facts that a plan is made from.
#[derive(Clone, Copy)]
pub struct PlanInput<'a> {
    /// The generation that the pool is of.
    pub snapshot: &'a Snapshot,
    /// The routes in question.
    pub pool: &'a Pool<'a>,
    /// The API the request speaks.
    pub surface: Surface,
    /// What the request is sticky by; `None` with `scope = none`.
    pub sticky: Option<StickyInput<'a>>,
    /// Set when the request carries a `previous_response_id`.
    pub hard: Option<Hard<'a>>,
    /// Health of the routes.
    pub health: &'a dyn HealthView,
    /// Gateway keys of the routes.
    pub credentials: &'a dyn CredentialView,
    /// Routes that this request has tried.
    pub tried: &'a [RouteIndex],
    /// The time.
    pub now: Timestamp,
    /// Decides where there is no stickiness; recorded, so that a plan can be replayed.
    pub seed: u64,
}

/// Stickiness of a request.
#[derive(Clone, Copy, Debug)]
pub struct StickyInput<'a> {
    /// Its sticky key.
    pub key: StickyKey,
    /// The binding remembered for it.
    pub binding: Option<&'a Binding>,
}

/// Who made the response that a `previous_response_id` names. Only that host and
/// user can serve the request, so nothing else is ever planned.
#[derive(Clone, Copy, Debug)]
pub enum Hard<'a> {
    /// It is known.
    Held {
        /// The host that made it.
        host_id: &'a HostId,
        /// The host user it was made for, as [`CredentialView::is_identity`] knows it.
        credential: &'a str,
    },
    /// It is not known (any more).
    Unknown,
}

/// What stickiness did to a request (spec §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StickyAction {
    /// The binding was used.
    Hit,
    /// A binding was made. Also when fail-back returned a moved conversation: its
    /// old binding had lapsed.
    Bind,
    /// The bound route was not eligible: the conversation moved.
    Rebind,
    /// The bound route was busy: another served once, the binding is kept.
    Borrow,
    /// Nothing: there is no stickiness, or nothing served.
    None,
}

impl StickyAction {
    /// The name used on every wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Bind => "bind",
            Self::Rebind => "rebind",
            Self::Borrow => "borrow",
            Self::None => "none",
        }
    }
}

/// A route that may serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The route.
    pub route: RouteIndex,
    /// Its tier.
    pub priority: u32,
    /// Its rendezvous cost (see [`crate::score`]).
    pub cost: u64,
    /// It comes first because the conversation is bound to it.
    pub bound: bool,
}

/// Ordered candidates, the excluded with their reasons, and what stickiness makes of it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The generation it was made from: it may be read with that snapshot only.
    pub generation: Generation,
    /// In the order they are to be tried, without replacement.
    pub candidates: Vec<Candidate>,
    /// Every other route of the pool, by (priority, id).
    pub excluded: Vec<Excluded>,
    /// Whether the first candidate serves by a binding.
    pub sticky_hit: bool,
    /// What stickiness does if the first candidate serves; [`Plan::settle`] says
    /// it of whichever did serve.
    pub sticky_action: StickyAction,
    /// Whether the first candidate is a fallback; see [`Plan::is_fallback`].
    pub fallback_used: bool,
    /// What became of the binding that the request brought.
    pub binding: BindingState,
    /// The route this subject would get if every enabled route were well: of
    /// weight above 0 and speaking the surface, the best by (tier, cost). A
    /// conversation bound elsewhere has moved.
    pub home: Option<RouteIndex>,
    /// The seed of the input.
    pub seed: u64,
    /// Best tier that the operator configured for this surface: with a weight
    /// above 0, disabled or not.
    pub best_tier: Option<u32>,
    pub(crate) sticky: Option<Remembered>,
}

/// What settling needs of the input.
#[derive(Clone, Debug)]
pub(crate) struct Remembered {
    pub(crate) binding: Option<Binding>,
    pub(crate) ttl: std::time::Duration,
    pub(crate) failback: Failback,
}

/// Plans a request. Allocates the two lists and nothing else.
pub fn plan(input: &PlanInput<'_>) -> Plan {
    let snapshot = input.snapshot;
    let routes = input.pool.routes;
    let remembered = input.sticky.and_then(|sticky| sticky.binding);
    let binding = BindingState::judge(snapshot, input.pool, remembered, input.now);
    let subject = input.sticky.map_or_else(|| mix64(input.seed), |sticky| sticky.key.subject());

    let mut candidates = Vec::with_capacity(routes.len());
    let mut excluded = Vec::new();
    let mut best_tier = None;
    let mut home: Option<Candidate> = None;
    for &index in routes {
        let entry = snapshot.route(index);
        let (priority, weight) = (entry.route.priority, entry.route.weight);
        let candidate = Candidate {
            route: index,
            priority,
            cost: cost(subject, entry.id_hash, weight),
            bound: binding == BindingState::Counts(index),
        };
        if weight > 0 && speaks(input, entry) {
            // Routes come by priority, so the first one has the best tier.
            best_tier = best_tier.or(Some(priority));
            if entry.disabled.is_none() && home.is_none_or(|home| rank(&candidate) < rank(&home)) {
                home = Some(candidate);
            }
        }
        match exclusion(input, index, entry, binding) {
            None => candidates.push(candidate),
            Some(reason) => excluded.push(Excluded { route: index, reason }),
        }
    }
    candidates.sort_unstable_by_key(|candidate| (!candidate.bound, rank(candidate)));

    let mut plan = Plan {
        generation: snapshot.generation(),
        candidates,
        excluded,
        sticky_hit: false,
        sticky_action: StickyAction::None,
        fallback_used: false,
        binding,
        home: home.map(|home| home.route),
        seed: input.seed,
        best_tier,
        sticky: input.sticky.map(|sticky| Remembered {
            binding: sticky.binding.cloned(),
            ttl: input.pool.group.sticky.ttl,
            failback: input.pool.group.failback,
        }),
    };
    plan.sticky_action = plan.action_of(0, None);
    plan.sticky_hit = plan.sticky_action == StickyAction::Hit;
    plan.fallback_used = plan.is_fallback(0);
    plan
}

impl Plan {
    /// The route that comes first, if any may serve.
    pub fn first(&self) -> Option<RouteIndex> {
        self.candidates.first().map(|candidate| candidate.route)
    }

    /// Why `route` may not serve.
    pub fn reason(&self, route: RouteIndex) -> Option<Exclusion> {
        self.excluded.iter().find(|excluded| excluded.route == route).map(|excluded| excluded.reason)
    }

    /// Whether the candidate at `used` is a fallback (spec §3): in a tier below the
    /// best configured one with no eligible route left there, or not the route that
    /// the conversation was bound to, because that was not eligible.
    ///
    /// A tier that the operator disabled is configured all the same, and what serves
    /// instead of it is a fallback. A tier of drained routes is not: weight 0 says
    /// that new conversations are meant to go elsewhere. Nor does a conversation that
    /// stays below by its binding count, while the best tier could serve.
    pub fn is_fallback(&self, used: usize) -> bool {
        let Some(candidate) = self.candidates.get(used) else { return false };
        let lost_its_route = match self.binding {
            BindingState::Gone => true,
            BindingState::Counts(bound) => bound != candidate.route,
            BindingState::Absent | BindingState::Expired | BindingState::Returning(_) => false,
        };
        lost_its_route
            || self.best_tier.is_some_and(|best| {
                let remaining = &self.candidates[used + 1..];
                candidate.priority > best && remaining.iter().all(|other| other.priority > best)
            })
    }

    /// Takes an excluded route back, behind all candidates, because everything is left alone and it
    /// is tried all the same ([`crate::panic_mode`]). Returns its position; that of a candidate when it is one.
    pub fn readmit(&mut self, snapshot: &Snapshot, route: RouteIndex) -> usize {
        if let Some(position) = self.candidates.iter().position(|candidate| candidate.route == route) {
            return position;
        }
        self.excluded.retain(|excluded| excluded.route != route);
        let bound = self.binding == BindingState::Counts(route);
        self.candidates.push(Candidate {
            route,
            priority: snapshot.route(route).route.priority,
            cost: u64::MAX,
            bound,
        });
        self.candidates.len() - 1
    }

    /// The soonest that an excluded route may be tried again: `Retry-After`, when
    /// there is no candidate.
    pub fn retry_at(&self) -> Option<Timestamp> {
        self.excluded.iter().filter_map(|excluded| excluded.reason.until()).min()
    }
}

/// Order inside a plan: tier, cost, and the id where costs are equal (indices of
/// one pool and tier are in the order of ids).
fn rank(candidate: &Candidate) -> (u32, u64, RouteIndex) {
    (candidate.priority, candidate.cost, candidate.route)
}

fn speaks(input: &PlanInput<'_>, entry: &RouteEntry) -> bool {
    input.surface.spoken_by(input.snapshot.host_at(entry.host).kind)
}

fn exclusion(input: &PlanInput<'_>, index: RouteIndex, entry: &RouteEntry, binding: BindingState) -> Option<Exclusion> {
    if entry.disabled.is_some() {
        return entry.disabled;
    }
    if let Some(reason) = input.hard.and_then(|hard| hard_exclusion(input, hard, entry)) {
        return Some(reason);
    }
    if !speaks(input, entry) {
        return Some(Exclusion::SurfaceUnsupported);
    }
    if input.tried.contains(&index) {
        return Some(Exclusion::AlreadyTried);
    }
    // A hard binding has got past the check above, so it is to this host.
    if entry.route.weight == 0 && binding.route() != Some(index) && input.hard.is_none() {
        return Some(Exclusion::Drained);
    }
    if let Err(why) = input.credentials.usable(entry, input.now) {
        return Some(Exclusion::CredentialUnusable { why });
    }
    Exclusion::from_health(input.health.route(entry, input.now))
}

fn hard_exclusion(input: &PlanInput<'_>, hard: Hard<'_>, entry: &RouteEntry) -> Option<Exclusion> {
    match hard {
        Hard::Unknown => Some(Exclusion::PreviousResponseUnknown),
        Hard::Held { host_id, .. } if entry.route.host != *host_id => Some(Exclusion::NotTheHardBoundHost),
        Hard::Held { credential, .. } if !input.credentials.is_identity(entry, credential) => {
            Some(Exclusion::NotTheHardBoundUser)
        }
        Hard::Held { .. } => None,
    }
}

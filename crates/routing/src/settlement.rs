//! What to remember once an attempt has succeeded (spec §4): which binding is
//! written, and what the decision says of stickiness.
//!
//! Writes are kept few. A binding is refreshed when that would extend it by an
//! eighth of its TTL or more. Its last use is written along with that, except for
//! a moved conversation under `failback = "idle"`: there the last use decides, so it
//! is written when [`IDLE_RESOLUTION`] has passed, without extending the binding, and
//! a conversation returns at most that much before its ten idle minutes are over.
//! A moved conversation under `failback = "ttl"` is never extended: it runs out one
//! TTL after the move.

use std::time::Duration;

use relay_domain::{Failback, Timestamp};

use crate::affinity::{Binding, BindingState, after};
use crate::plan::Remembered;
use crate::{Plan, RouteIndex, Snapshot, StickyAction};

/// How exactly the last use of a moved conversation is known. Turns of a
/// conversation are seldom closer, so a finer one would save nothing.
pub const IDLE_RESOLUTION: Duration = Duration::from_secs(15);

/// Why the bound route was left for a further candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftBecause {
    /// It answered that it has no room just now (`gateway_busy`): borrow another.
    Busy,
    /// It failed in any other way.
    Failed,
}

/// What is to be written to the bindings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindingChange {
    /// Nothing.
    Keep,
    /// Refresh, unless the stored binding is by now for another route.
    Touch(Binding),
    /// Make, unless there is one by now that has not expired: of parallel first
    /// requests one wins.
    Insert(Binding),
    /// Write, whatever is there.
    Put(Binding),
}

/// The end of the plan of a request that was served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// What stickiness did.
    pub sticky_action: StickyAction,
    /// Whether the binding was used.
    pub sticky_hit: bool,
    /// Whether the route that served is a fallback.
    pub fallback_used: bool,
    /// What is to be written.
    pub change: BindingChange,
    /// When the binding in force was made; `None` when there is none.
    pub bound_at: Option<Timestamp>,
    /// When the binding in force runs out.
    pub expires_at: Option<Timestamp>,
}

impl Plan {
    /// Settles a request that candidate `used` has served, or, for the resolve
    /// action, is about to. `left` says why the *first* candidate was left, when it
    /// was. `snapshot` is the one that the plan was made from. A request that no
    /// candidate served, or whose client went away, is not settled: its binding
    /// stays as it is.
    pub fn settle(&self, snapshot: &Snapshot, used: usize, left: Option<LeftBecause>, now: Timestamp) -> Settlement {
        debug_assert_eq!(self.generation, snapshot.generation(), "a plan is read with its own snapshot");
        let sticky_action = self.action_of(used, left);
        let mut settlement = Settlement {
            sticky_action,
            sticky_hit: sticky_action == StickyAction::Hit,
            fallback_used: self.is_fallback(used),
            change: BindingChange::Keep,
            bound_at: None,
            expires_at: None,
        };
        let (Some(sticky), Some(candidate)) = (&self.sticky, self.candidates.get(used)) else { return settlement };
        settlement.change = match sticky_action {
            StickyAction::None | StickyAction::Borrow => BindingChange::Keep,
            StickyAction::Hit => sticky.refresh(self.home == Some(candidate.route), now),
            StickyAction::Bind if matches!(self.binding, BindingState::Absent | BindingState::Expired) => {
                BindingChange::Insert(self.make(snapshot, sticky, candidate.route, now))
            }
            StickyAction::Bind | StickyAction::Rebind => {
                BindingChange::Put(self.make(snapshot, sticky, candidate.route, now))
            }
        };
        let in_force = match &settlement.change {
            BindingChange::Keep => sticky.binding.as_ref(),
            BindingChange::Touch(binding) | BindingChange::Insert(binding) | BindingChange::Put(binding) => {
                Some(binding)
            }
        };
        settlement.bound_at = in_force.map(|binding| binding.bound_at);
        settlement.expires_at = in_force.map(|binding| binding.expires_at);
        settlement
    }

    /// What stickiness does when candidate `used` serves.
    pub(crate) fn action_of(&self, used: usize, left: Option<LeftBecause>) -> StickyAction {
        let (Some(_), Some(candidate)) = (&self.sticky, self.candidates.get(used)) else { return StickyAction::None };
        match self.binding {
            BindingState::Counts(bound) | BindingState::Returning(bound) if bound == candidate.route => {
                StickyAction::Hit
            }
            BindingState::Absent | BindingState::Expired | BindingState::Returning(_) => StickyAction::Bind,
            BindingState::Gone => StickyAction::Rebind,
            BindingState::Counts(bound) => {
                let momentary = match self.reason(bound) {
                    Some(reason) => reason.is_momentary(),
                    None => left == Some(LeftBecause::Busy),
                };
                if momentary { StickyAction::Borrow } else { StickyAction::Rebind }
            }
        }
    }

    fn make(&self, snapshot: &Snapshot, sticky: &Remembered, index: RouteIndex, now: Timestamp) -> Binding {
        let route = &snapshot.route(index).route;
        Binding {
            route_id: route.id.clone(),
            host_id: route.host.clone(),
            bound_at: now,
            expires_at: after(now, sticky.ttl),
            last_used_at: now,
            moved: self.home != Some(index) || self.leaves_a_disabled_home(snapshot, sticky),
        }
    }

    /// A disabled route is nobody's home, but those who had it for one when the
    /// operator disabled it may return when it is enabled again.
    fn leaves_a_disabled_home(&self, snapshot: &Snapshot, sticky: &Remembered) -> bool {
        let BindingState::Counts(bound) = self.binding else { return false };
        let entry = snapshot.route(bound);
        let was_at_home = sticky.binding.as_ref().is_some_and(|binding| !binding.moved);
        was_at_home && entry.disabled.is_some() && entry.route.weight > 0
    }
}

impl Remembered {
    fn refresh(&self, at_home: bool, now: Timestamp) -> BindingChange {
        let Some(binding) = &self.binding else { return BindingChange::Keep };
        let interval = self.ttl / 8;
        let idle_matters = binding.moved && self.failback == Failback::Idle;
        let resolution = if idle_matters { IDLE_RESOLUTION.min(interval) } else { interval };
        let may_extend = !(binding.moved && self.failback == Failback::Ttl);
        let extended = after(now, self.ttl);
        let extends = may_extend && extended >= after(binding.expires_at, interval);
        if !extends && now < after(binding.last_used_at, resolution) {
            return BindingChange::Keep;
        }
        BindingChange::Touch(Binding {
            expires_at: if extends { extended } else { binding.expires_at },
            last_used_at: now.max(binding.last_used_at),
            moved: binding.moved && !at_home,
            ..binding.clone()
        })
    }
}

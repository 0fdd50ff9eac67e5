//! A conversation followed through time in one world: where it is bound, and whether it stays.
//!
//! Where nothing changes while a conversation lives, a binding that has not
//! moved counts until it runs out; only what is new, has run out, or is away
//! from home is planned. That makes a replay of a million turns affordable, and
//! it gives what planning each of them would.

use relay_domain::{Failback, Timestamp};
use relay_routing::{Binding, BindingChange, RouteIndex, StickyInput, StickyKey};

use super::lane::Lane;
use super::world::World;

/// What is remembered of a conversation in one world. Times are microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Followed {
    route: Option<RouteIndex>,
    /// Away from its home, so that fail-back may return it.
    moved: bool,
    /// A plan has found the route eligible here: in a world that stays as it is, it remains so.
    is_checked: bool,
    bound_at: i64,
    used_at: i64,
}

impl Followed {
    /// A binding that was there before the replay began.
    pub(super) fn carried(route: RouteIndex, moved: bool, at: Timestamp) -> Self {
        let at = at.as_microsecond();
        Self { route: Some(route), moved, is_checked: false, bound_at: at, used_at: at }
    }

    /// Has the next turn planned: it asks for something else than those before.
    pub(super) fn recheck(&mut self) {
        self.is_checked = false;
    }

    /// The bound route, while its binding lives.
    pub(super) fn alive(&self, lane: &Lane<'_>, now: Timestamp) -> Option<RouteIndex> {
        self.route.filter(|_| now.as_microsecond() < self.expires_at(lane))
    }

    /// Takes in a turn; answers the route that serves it.
    pub(super) fn turn(
        &mut self,
        world: &World,
        lane: &Lane<'_>,
        key: StickyKey,
        now: Timestamp,
    ) -> Option<RouteIndex> {
        let at = now.as_microsecond();
        if let Some(route) = self.alive(lane, now)
            && self.is_checked
            && (!self.moved || lane.group.failback == Failback::Never)
        {
            self.used_at = self.used_at.max(at);
            return Some(route);
        }
        let binding = self.binding(world, lane);
        let plan = lane.plan(world, &lane.keys(), Some(StickyInput { key, binding: binding.as_ref() }), 0, now);
        let settled = plan.settle(&world.snapshot, 0, None, now);
        let route = plan.first()?;
        match settled.change {
            BindingChange::Insert(made) | BindingChange::Put(made) => {
                *self = Self { route: Some(route), moved: made.moved, is_checked: true, bound_at: at, used_at: at };
                return Some(route);
            }
            BindingChange::Touch(touched) => self.moved = touched.moved,
            BindingChange::Keep => {}
        }
        self.is_checked = true;
        self.used_at = self.used_at.max(at);
        Some(route)
    }

    /// The binding as the store would have it.
    pub(super) fn binding(&self, world: &World, lane: &Lane<'_>) -> Option<Binding> {
        let route = &world.snapshot.route(self.route?).route;
        let time = |us| Timestamp::from_microsecond(us).unwrap_or(Timestamp::MAX);
        Some(Binding {
            route_id: route.id.clone(),
            host_id: route.host.clone(),
            bound_at: time(self.bound_at),
            expires_at: time(self.expires_at(lane)),
            last_used_at: time(self.used_at),
            moved: self.moved,
        })
    }

    fn expires_at(&self, lane: &Lane<'_>) -> i64 {
        let ttl = i64::try_from(lane.group.sticky.ttl.as_micros()).unwrap_or(i64::MAX);
        // A moved conversation of a group with `failback = "ttl"` is never extended.
        let is_final = self.moved && lane.group.failback == Failback::Ttl;
        if is_final { self.bound_at } else { self.used_at }.saturating_add(ttl)
    }
}

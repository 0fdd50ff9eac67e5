//! What is known of one host: its breaker for connects, whether it refuses our address, and
//! how long its outages last.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use relay_domain::HostId;
use relay_routing::Outcome;
use relay_routing::breaker::{Breaker, BreakerSettings, Change, Pass, Refused, Seen, State, Surroundings};
use relay_routing::cooldown::Cooldown;
use relay_routing::recovery::Recovery;
use relay_routing::siblings::host_is_to_blame;
use rustc_hash::FxHashMap;

use crate::clock::{AtomicInstant, Origin};
use crate::route::RouteCell;

/// One host.
#[derive(Debug)]
pub(crate) struct HostCell {
    pub(crate) id: HostId,
    origin: Origin,
    window: Duration,
    /// Until when the breaker refuses, or the host refuses us.
    blocked: AtomicInstant,
    state: Mutex<HostState>,
    routes: Mutex<Vec<Weak<RouteCell>>>,
}

#[derive(Debug)]
pub(crate) struct HostState {
    pub(crate) breaker: Breaker,
    pub(crate) address: Cooldown,
    pub(crate) recovery: FxHashMap<&'static str, Recovery>,
}

impl HostCell {
    pub(crate) fn new(id: HostId, settings: &Arc<BreakerSettings>, origin: Origin) -> Self {
        let state = HostState {
            breaker: Breaker::new(Arc::clone(settings)),
            address: Cooldown::default(),
            recovery: FxHashMap::default(),
        };
        Self {
            id,
            origin,
            window: settings.window,
            blocked: AtomicInstant::default(),
            state: Mutex::new(state),
            routes: Mutex::default(),
        }
    }

    /// The routes that lead to it, in the newest generation.
    pub(crate) fn lead_to(&self, routes: Vec<Weak<RouteCell>>) {
        // Those before are dropped when the lock is open again: a request may want it.
        let _before = std::mem::replace(&mut *self.routes.lock().unwrap_or_else(PoisonError::into_inner), routes);
    }

    /// Whether there is nothing to tell of it.
    pub(crate) fn is_well(&self, now: Instant) -> bool {
        let state = self.lock();
        state.breaker.state(now) == State::Closed && state.address.cooling(now).is_none()
    }

    /// Until when nothing is sent to it.
    pub(crate) fn blocked_until(&self, now: Instant) -> Option<Instant> {
        self.blocked.after(self.origin, now)
    }

    pub(crate) fn admit(&self, now: Instant) -> Result<Pass, Refused> {
        let mut state = self.lock();
        if let Some(until) = state.address.blocked_until(now) {
            return Err(Refused { until });
        }
        let admitted = state.breaker.admit(now);
        self.remember(&state, now);
        admitted
    }

    pub(crate) fn admit_in_panic(&self, now: Instant) -> Pass {
        let mut state = self.lock();
        let pass = state.breaker.admit_in_panic(now);
        self.remember(&state, now);
        pass
    }

    pub(crate) fn committed(&self, pass: Pass, now: Instant) {
        let mut state = self.lock();
        let change = state.breaker.committed(pass);
        self.changed(&mut state, change, now);
    }

    pub(crate) fn observe(&self, pass: Pass, seen: Seen, now: Instant) {
        let mut state = self.lock();
        let HostState { breaker, recovery, .. } = &mut *state;
        let change = breaker.observe(pass, seen, now, &Alone(recovery));
        self.changed(&mut state, change, now);
    }

    /// An answer that may say that our address is refused.
    pub(crate) fn heard(&self, outcome: &Outcome, sent: Instant, now: Instant) {
        let mut state = self.lock();
        state.address.observe(outcome, sent, now, None, rand::random());
        self.remember(&state, now);
    }

    /// One of its routes has opened: perhaps all of it is down.
    pub(crate) fn route_opened(&self, class: &'static str, now: Instant) {
        let (mut open, mut well) = (0, 0);
        for route in self.routes.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(Weak::upgrade) {
            open += usize::from(route.failed_within(now, self.window));
            well += usize::from(route.served_within(now, self.window));
        }
        if host_is_to_blame(open, well) {
            let mut state = self.lock();
            let HostState { breaker, recovery, .. } = &mut *state;
            let change = breaker.trip(class, now, &Alone(recovery));
            self.changed(&mut state, Some(change), now);
        }
    }

    /// The median recovery time of failures of this class, if it is known.
    pub(crate) fn recovery(&self, class: &str) -> Option<Duration> {
        self.lock().recovery.get(class)?.median()
    }

    pub(crate) fn learn(&self, class: &'static str, took: Duration) {
        self.lock().recovery.entry(class).or_default().observe(took);
    }

    /// An operator clears what keeps it away, as of `at`.
    pub(crate) fn clear(&self, at: Instant, now: Instant) {
        let mut state = self.lock();
        state.breaker.half_open_at(at);
        state.address.end_at(at);
        self.remember(&state, now);
    }

    fn changed(&self, state: &mut HostState, change: Option<Change>, now: Instant) {
        match change {
            Some(Change::Opened { by, class, until }) => {
                let seconds = (until - now).as_secs_f64();
                tracing::warn!(host_id = %self.id, by = by.as_str(), class, seconds, "the breaker of a host opened");
            }
            Some(Change::Closed { class, recovery }) => {
                if let Some(took) = recovery {
                    state.recovery.entry(class).or_default().observe(took);
                }
                tracing::info!(host_id = %self.id, class, "the breaker of a host closed");
            }
            None => {}
        }
        self.remember(state, now);
    }

    pub(crate) fn remember(&self, state: &HostState, now: Instant) {
        let until = state.breaker.blocked_until(now).max(state.address.blocked_until(now));
        self.blocked.store(self.origin, until);
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, HostState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A host opens by itself: no other is asked.
struct Alone<'a>(&'a FxHashMap<&'static str, Recovery>);

impl Surroundings for Alone<'_> {
    fn recovery(&self, class: &'static str) -> Option<Duration> {
        self.0.get(class)?.median()
    }

    fn may_open_by_rate(&self) -> bool {
        true
    }

    fn jitter(&self) -> f64 {
        rand::random()
    }
}

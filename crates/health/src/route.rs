//! What is known of one route: its breaker, the cool-downs of the credentials sent on it, its
//! flags, and how it has been doing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use relay_domain::RouteId;
use relay_routing::breaker::{
    Breaker, BreakerSettings, Change, OpenedBy, Opening, Pass, Refused, Seen, State, Surroundings,
};
use relay_routing::cooldown::Cooldown;
use relay_routing::outcome::{Effect, Outcome};
use relay_routing::rates::Rates;
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

use crate::clock::{AtomicInstant, Origin};
use crate::host::HostCell;
use crate::siblings::Siblings;

/// Credentials remembered for a route. With `credential = "caller"` every caller has its own;
/// beyond this the ones that are not cooling down are forgotten.
const MOST_CREDENTIALS: usize = 4096;

/// The class under which the time that rate limits last is learned.
const RATE_LIMIT: &str = "gateway_rate_limited";

/// Names a gateway key without holding it: the same for the same key, on every route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CredentialId(pub u64);

impl CredentialId {
    /// The name of the key with this fingerprint.
    pub fn of(fingerprint: &str) -> Self {
        Self(xxh3_64(fingerprint.as_bytes()))
    }
}

/// One route.
#[derive(Debug)]
pub(crate) struct RouteCell {
    pub(crate) id: RouteId,
    pub(crate) host: Arc<HostCell>,
    pub(crate) siblings: Arc<Siblings>,
    origin: Origin,
    /// Until when the breaker refuses.
    blocked: AtomicInstant,
    /// Until when the last of its credentials cools down.
    cooling: AtomicInstant,
    /// When its breaker opened last, or had a probe fail.
    failed: AtomicInstant,
    /// The last usable answer.
    served: AtomicInstant,
    /// The last attempt.
    used: AtomicInstant,
    state: Mutex<RouteState>,
}

#[derive(Debug)]
pub(crate) struct RouteState {
    pub(crate) breaker: Breaker,
    pub(crate) credentials: FxHashMap<CredentialId, Cooldown>,
    pub(crate) rates: Option<Box<Rates>>,
    pub(crate) misconfigured: Option<Instant>,
    pub(crate) drift: Option<Instant>,
    /// It counts among its siblings as open by rate.
    counted: bool,
}

impl RouteCell {
    pub(crate) fn new(
        id: RouteId,
        host: Arc<HostCell>,
        siblings: Arc<Siblings>,
        settings: &Arc<BreakerSettings>,
        origin: Origin,
    ) -> Self {
        let state = RouteState {
            breaker: Breaker::new(Arc::clone(settings)),
            credentials: FxHashMap::default(),
            rates: None,
            misconfigured: None,
            drift: None,
            counted: false,
        };
        Self {
            id,
            host,
            siblings,
            origin,
            blocked: AtomicInstant::default(),
            cooling: AtomicInstant::default(),
            failed: AtomicInstant::default(),
            served: AtomicInstant::default(),
            used: AtomicInstant::default(),
            state: Mutex::new(state),
        }
    }

    /// Whether there is nothing to tell of it.
    pub(crate) fn is_well(&self, now: Instant) -> bool {
        let state = self.lock();
        state.breaker.state(now) == State::Closed
            && state.misconfigured.or(state.drift).is_none()
            && state.credentials.values().all(|cooldown| cooldown.cooling(now).is_none())
    }

    /// Until when the route or its host is left alone.
    pub(crate) fn blocked_until(&self, now: Instant) -> Option<Instant> {
        self.blocked.after(self.origin, now).max(self.host.blocked_until(now))
    }

    /// Until when a credential is not sent on it.
    pub(crate) fn cooling_until(&self, credential: CredentialId, now: Instant) -> Option<Instant> {
        // Mostly none cools down, and no lock is needed to see that.
        self.cooling.after(self.origin, now)?;
        self.lock().credentials.get(&credential)?.blocked_until(now)
    }

    pub(crate) fn admit(&self, now: Instant) -> Result<Pass, Refused> {
        let mut state = self.lock();
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

    /// A stream's first output.
    pub(crate) fn committed(&self, pass: Pass, first_output: Duration, now: Instant) {
        let mut state = self.lock();
        state.rates.get_or_insert_default().first_output(first_output, now);
        let change = state.breaker.committed(pass);
        self.changed(&mut state, change, now);
    }

    /// How an attempt ended that `credential` was sent with.
    pub(crate) fn observe(&self, pass: Pass, credential: CredentialId, outcome: &Outcome, now: Instant) {
        self.used.store(self.origin, Some(now));
        let mut state = self.lock();
        let seen = outcome.seen_by_route();
        state.count(seen, now);
        state.flag(outcome.effect, seen, now);
        let recovery = state.cool(credential, outcome, pass.at(), now, || self.host.recovery(RATE_LIMIT));
        if let Some(took) = recovery {
            self.host.learn(RATE_LIMIT, took);
        }
        let change = state.breaker.observe(pass, seen, now, self);
        if seen == Seen::Success {
            self.served.store(self.origin, Some(now));
        }
        let opened = self.changed(&mut state, change, now);
        drop(state);
        if let Some(class) = opened {
            self.host.route_opened(class, now);
        }
    }

    /// The request was not sent after all, or its client left.
    pub(crate) fn unseen(&self, pass: Pass, now: Instant) {
        let mut state = self.lock();
        let change = state.breaker.observe(pass, Seen::Nothing, now, self);
        self.changed(&mut state, change, now);
    }

    /// Goes on with what another process has seen; `rest` takes over what lies beside the breaker.
    pub(crate) fn resume(&self, opening: Option<Opening>, now: Instant, rest: impl FnOnce(&mut RouteState)) {
        let mut state = self.lock();
        if let Some(opening) = opening.filter(|_| state.breaker.opening().is_none()) {
            state.breaker.resume(opening);
            self.failed.store(self.origin, Some(opening.failed));
            if opening.by == OpenedBy::Rate && !std::mem::replace(&mut state.counted, true) {
                self.siblings.opened_by_rate();
            }
        }
        rest(&mut state);
        self.remember(&state, now);
    }

    /// An operator clears what keeps it away, as of `at`.
    pub(crate) fn clear(&self, at: Instant, now: Instant) {
        let mut state = self.lock();
        state.breaker.half_open_at(at);
        state.credentials.values_mut().for_each(|cooldown| cooldown.end_at(at));
        self.remember(&state, now);
    }

    /// Until when it, or one of its credentials, is left alone.
    pub(crate) fn left_alone_until(&self, now: Instant) -> Option<Instant> {
        self.blocked.after(self.origin, now).max(self.cooling.after(self.origin, now))
    }

    pub(crate) fn failed_within(&self, now: Instant, window: Duration) -> bool {
        self.failed.is_within(self.origin, now, window)
    }

    pub(crate) fn served_within(&self, now: Instant, window: Duration) -> bool {
        self.served.is_within(self.origin, now, window)
    }

    /// When an attempt on it ended last.
    pub(crate) fn last_used(&self) -> Option<Instant> {
        self.used.get(self.origin)
    }

    /// Tells of a change, and gives its class when the breaker has opened.
    fn changed(&self, state: &mut RouteState, change: Option<Change>, now: Instant) -> Option<&'static str> {
        let mut opened = None;
        match change {
            Some(Change::Opened { by, class, until }) => {
                self.failed.store(self.origin, Some(now));
                if by == OpenedBy::Rate && !std::mem::replace(&mut state.counted, true) {
                    self.siblings.opened_by_rate();
                }
                let seconds = (until - now).as_secs_f64();
                tracing::warn!(route_id = %self.id, by = by.as_str(), class, seconds, "the breaker of a route opened");
                opened = Some(class);
            }
            Some(Change::Closed { class, recovery }) => {
                if std::mem::take(&mut state.counted) {
                    self.siblings.closed_by_rate();
                }
                if let Some(took) = recovery {
                    self.host.learn(class, took);
                }
                tracing::info!(route_id = %self.id, class, "the breaker of a route closed");
            }
            None => {}
        }
        self.remember(state, now);
        opened
    }

    fn remember(&self, state: &RouteState, now: Instant) {
        self.blocked.store(self.origin, state.breaker.blocked_until(now));
        let cooling = state.credentials.values().filter_map(|cooldown| cooldown.blocked_until(now)).max();
        self.cooling.store(self.origin, cooling);
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, RouteState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for RouteCell {
    /// A route that is gone no longer counts among those that stay.
    fn drop(&mut self) {
        if self.lock().counted {
            self.siblings.closed_by_rate();
        }
    }
}

impl Surroundings for RouteCell {
    fn recovery(&self, class: &'static str) -> Option<Duration> {
        self.host.recovery(class)
    }

    fn may_open_by_rate(&self) -> bool {
        self.siblings.may_open_by_rate()
    }

    fn jitter(&self) -> f64 {
        rand::random()
    }
}

impl RouteState {
    fn count(&mut self, seen: Seen, now: Instant) {
        match seen {
            Seen::Success => self.rates.get_or_insert_default().succeeded(now),
            Seen::Failure(_) => self.rates.get_or_insert_default().failed(now),
            Seen::Nothing => {}
        }
    }

    /// Flags stand until an attempt succeeds (docs/failure.md).
    fn flag(&mut self, effect: Effect, seen: Seen, now: Instant) {
        match (effect, seen) {
            (Effect::RouteMisconfigured, _) => {
                self.misconfigured.get_or_insert(now);
            }
            (Effect::Drift, _) => {
                self.drift.get_or_insert(now);
            }
            (_, Seen::Success) => (self.misconfigured, self.drift) = (None, None),
            _ => {}
        }
    }

    /// What the outcome says of the credential; the time a limit lasted, to be learned.
    fn cool(
        &mut self,
        credential: CredentialId,
        outcome: &Outcome,
        sent: Instant,
        now: Instant,
        learned: impl FnOnce() -> Option<Duration>,
    ) -> Option<Duration> {
        let concerns = matches!(outcome.effect, Effect::RateLimited | Effect::Quota(_) | Effect::Refused);
        if !concerns {
            // A success ends a cool-down; nothing begins one.
            let cooldown = self.credentials.get_mut(&credential)?;
            return cooldown.observe(outcome, sent, now, None, 0.0);
        }
        if self.credentials.len() >= MOST_CREDENTIALS {
            self.credentials.retain(|_, cooldown| cooldown.blocked_until(now).is_some());
        }
        let learned = if outcome.effect == Effect::RateLimited { learned() } else { None };
        self.credentials.entry(credential).or_default().observe(outcome, sent, now, learned, rand::random())
    }
}

//! The circuit breaker of a route, or of a host for connects (spec §5).
//!
//! ```text
//!            5 failures in a row, or half of ≥ 20 in 30 s, or its routes fail together
//!   closed ───────────────────────────────────────────────────────────────▶ open
//!      ▲                                                                  ▲     │
//!      │ the probe succeeds                              the probe fails  │     │ time
//!      └─────────────────────────────── half-open ────────────────────────┘ ◀───┘
//! ```
//!
//! Half-open is entered by time alone: no task has to wake up, and a route that nobody asks
//! for stays as it is. One request goes through, the *probe*; the others are refused until
//! it has reported. Every request holds a [`Pass`] with the epoch it was admitted in.
//! Results of a pass from before the last opening are late and change nothing.
//!
//! The first open period is the learned recovery time ([`crate::recovery`]), or `first_open`.
//! Each failed probe doubles it, up to `longest_open`, ±20 %. A breaker that was closed by a
//! stream's first output doubles on where it was when it opens again before one answer has
//! come whole: a host that begins answers and breaks them off has not recovered.
//!
//! What counts, once per attempt:
//!
//! | [`Seen`] | closed | half-open, by the probe | open |
//! |---|---|---|---|
//! | `Success` | counts; ends a row of failures | closes | closes (in panic) |
//! | `Failure` | counts; may open | opens again, doubled | nothing |
//! | `Nothing` | nothing | frees the slot | nothing |
//!
//! The breaker holds no clock, lock or randomness; whoever keeps it has all of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::backoff::{believable, doubled, jittered};
use crate::recovery::Outage;
use crate::window::{Counts, Window};

/// When a breaker opens, and for how long: `[breaker]` of the configuration (spec §2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakerSettings {
    /// Failures in a row that open it.
    pub consecutive_failures: u32,
    /// Share of failures in the window that opens it.
    pub failure_percent: u32,
    /// Requests in the window below which the share is not looked at.
    pub minimum_requests: u32,
    /// The window of that share.
    pub window: Duration,
    /// First open period while no recovery time has been learned.
    pub first_open: Duration,
    /// Where doubling stops; with jitter a period is at most a fifth longer.
    pub longest_open: Duration,
    /// When a probe that has not reported counts as lost, so that its slot is free again. Has
    /// to be longer than any attempt may take to its first output, else two probes may
    /// run at once: the time to connect and the time to the first output together, and
    /// something more.
    pub probe_limit: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            consecutive_failures: 5,
            failure_percent: 50,
            minimum_requests: 20,
            window: Duration::from_secs(30),
            first_open: Duration::from_secs(5),
            longest_open: Duration::from_mins(2),
            probe_limit: Duration::from_secs(5 + 300 + 15),
        }
    }
}

/// How long those wait who are refused because a probe is running: nobody knows when it
/// reports, and most do so within this.
const PROBE_RECHECK: Duration = Duration::from_secs(1);

/// What a breaker asks about the world when it opens; not asked otherwise.
pub trait Surroundings {
    /// The median recovery time learned for failures of this class, if any
    /// ([`crate::recovery::Recovery::median`]).
    fn recovery(&self, class: &'static str) -> Option<Duration>;

    /// Whether this one may open by its *rate* of failures: of a model's routes at most half
    /// may ([`crate::siblings::may_open_by_rate`]); a host always may. Failures in a row are not
    /// asked about.
    fn may_open_by_rate(&self) -> bool;

    /// A random number in 0.0..1.0.
    fn jitter(&self) -> f64;
}

/// The leave to send one request. To be reported once by [`Breaker::observe`], whatever
/// becomes of the request: [`Seen::Nothing`] when it is not sent after all, because another
/// breaker refused it. A stream's first output may be told before by [`Breaker::committed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    epoch: u32,
    role: Role,
    at: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Ordinary,
    Probe,
    Panic,
}

impl Pass {
    /// Whether it is the one request that a half-open breaker lets through.
    pub fn is_probe(self) -> bool {
        self.role == Role::Probe
    }

    /// When it was given.
    pub fn at(self) -> Instant {
        self.at
    }
}

/// The breaker lets nothing through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the circuit breaker is open")]
pub struct Refused {
    /// When asking again is worth it.
    pub until: Instant,
}

/// What a breaker sees of an attempt: [`crate::Outcome::seen_by_route`],
/// [`crate::Outcome::seen_by_host`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It ended well.
    Success,
    /// It failed, with this `error_class`.
    Failure(&'static str),
    /// It says nothing: the client left, the fault is the client's or the credential's, or
    /// there was no room.
    Nothing,
}

/// Why a breaker opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenedBy {
    /// So many failures in a row.
    Consecutive,
    /// The share of failures.
    Rate,
    /// The routes of the host failed together.
    Together,
}

impl OpenedBy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Consecutive, Self::Rate, Self::Together];

    /// The label used in decisions and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Consecutive => "consecutive",
            Self::Rate => "rate",
            Self::Together => "together",
        }
    }
}

/// What a breaker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Passing.
    Closed,
    /// Refusing.
    Open {
        /// When it becomes half-open.
        until: Instant,
    },
    /// Letting one request through.
    HalfOpen {
        /// That request is on its way.
        probing: bool,
    },
}

impl State {
    /// The label used in decisions, metrics and pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open { .. } => "open",
            Self::HalfOpen { .. } => "half_open",
        }
    }
}

/// What an observation changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It opened, or opened again after a probe that failed.
    Opened {
        /// Why.
        by: OpenedBy,
        /// The class of the failure that did it.
        class: &'static str,
        /// When it becomes half-open.
        until: Instant,
    },
    /// It closed.
    Closed {
        /// The class it had opened by.
        class: &'static str,
        /// The recovery time to be learned for that class, where there is one.
        recovery: Option<Duration>,
    },
}

/// An opening that has not ended, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Why.
    pub by: OpenedBy,
    /// The class of the failure that did it.
    pub class: &'static str,
    /// When it first opened; failed probes do not change it.
    pub since: Instant,
    /// The last failure: that of the opening, or of the last probe.
    pub failed: Instant,
    /// When it becomes, or became, half-open.
    pub until: Instant,
    /// The last period, without jitter: what the next one doubles.
    pub period: Duration,
}

/// A circuit breaker.
#[derive(Clone, Debug)]
pub struct Breaker {
    settings: Arc<BreakerSettings>,
    /// Goes up with each opening and each probe.
    epoch: u32,
    /// The epoch of the last opening: passes from before it are late.
    opened_in: u32,
    consecutive: u32,
    window: Window,
    /// The period to double on from, while no answer has come whole since.
    unproven: Option<Duration>,
    open: Option<Open>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    by: OpenedBy,
    class: &'static str,
    since: Instant,
    /// The last failure.
    failed: Instant,
    until: Instant,
    /// The last period, without jitter.
    period: Duration,
    probe: Option<Pass>,
}

impl Breaker {
    /// A closed breaker.
    pub fn new(settings: Arc<BreakerSettings>) -> Self {
        let window = Window::new(settings.window);
        Self { settings, epoch: 0, opened_in: 0, consecutive: 0, window, unproven: None, open: None }
    }

    /// Asks to send a request now.
    ///
    /// # Errors
    /// [`Refused`] while it is open, and while a probe is on its way.
    pub fn admit(&mut self, now: Instant) -> Result<Pass, Refused> {
        if let Some(until) = self.blocked_until(now) {
            return Err(Refused { until });
        }
        let Some(open) = &mut self.open else {
            return Ok(Pass { epoch: self.epoch, role: Role::Ordinary, at: now });
        };
        self.epoch += 1;
        let pass = Pass { epoch: self.epoch, role: Role::Probe, at: now };
        open.probe = Some(pass);
        Ok(pass)
    }

    /// Sends a request although it is open, because everything is ([`crate::panic_mode`]). Such a
    /// request closes the breaker by succeeding; its failing changes nothing, or one request a
    /// second would double the period every second.
    pub fn admit_in_panic(&mut self, now: Instant) -> Pass {
        self.admit(now).unwrap_or(Pass { epoch: self.epoch, role: Role::Panic, at: now })
    }

    /// Until when nothing is admitted; `None` when something is. May be kept in an atomic beside
    /// the breaker, to be renewed after each call that takes `&mut self`. While a probe runs it is
    /// a moment away: whoever comes then asks [`Breaker::admit`], which knows better.
    pub fn blocked_until(&self, now: Instant) -> Option<Instant> {
        let open = self.open.as_ref()?;
        if now < open.until {
            return Some(open.until);
        }
        let lost = open.probe?.at + self.settings.probe_limit;
        (now < lost).then(|| lost.min(now + PROBE_RECHECK))
    }

    /// A stream has had its first output: enough to close, long before its end is known.
    /// It is not counted; its end is, by [`Breaker::observe`].
    pub fn committed(&mut self, pass: Pass) -> Option<Change> {
        if self.is_late(pass) {
            return None;
        }
        let open = self.open?;
        let change = self.close(pass);
        self.unproven = Some(open.period);
        change
    }

    /// Notes how a request ended that `pass` was given for.
    pub fn observe(&mut self, pass: Pass, seen: Seen, now: Instant, around: &impl Surroundings) -> Option<Change> {
        if self.is_late(pass) {
            return None;
        }
        match seen {
            Seen::Nothing => {
                self.free_slot(pass);
                None
            }
            Seen::Success => {
                let change = self.close(pass);
                self.consecutive = 0;
                self.unproven = None;
                self.window.succeed(now);
                change
            }
            Seen::Failure(class) => match self.open {
                None => self.count_failure(class, now, around),
                Some(open) if open.probe == Some(pass) => Some(self.reopen(open, now, around)),
                Some(_) => None,
            },
        }
    }

    /// Opens it for a reason that lies outside ([`crate::siblings::host_is_to_blame`]). An open
    /// one stays open at least as long as it was to.
    pub fn trip(&mut self, class: &'static str, now: Instant, around: &impl Surroundings) -> Change {
        match self.open {
            None => self.open(OpenedBy::Together, class, now, around),
            Some(open) if now < open.until => self.open_until(open, open.period, now, around),
            Some(open) => self.reopen(open, now, around),
        }
    }

    /// Goes on with an opening that another process has seen; one that is open already stays as it is.
    pub fn resume(&mut self, opening: Opening) {
        let Opening { by, class, since, failed, until, period } = opening;
        if self.open.is_none() {
            self.open = Some(Open { by, class, since, failed, until, period, probe: None });
            self.epoch += 1;
            self.opened_in = self.epoch;
        }
    }

    /// An operator clears it: it becomes half-open at `at`, if that is sooner.
    pub fn half_open_at(&mut self, at: Instant) {
        if let Some(open) = self.open.as_mut().filter(|open| at < open.until) {
            open.until = at;
        }
    }

    /// What it does.
    pub fn state(&self, now: Instant) -> State {
        match &self.open {
            None => State::Closed,
            Some(open) if now < open.until => State::Open { until: open.until },
            Some(_) => State::HalfOpen { probing: self.blocked_until(now).is_some() },
        }
    }

    /// Why and since when it is not closed; `None` when it is.
    pub fn opening(&self) -> Option<Opening> {
        let opening =
            |Open { by, class, since, failed, until, period, .. }| Opening { by, class, since, failed, until, period };
        self.open.map(opening)
    }

    /// What it has seen in its window since it was last closed.
    pub fn counts(&self, now: Instant) -> Counts {
        self.window.counts(now)
    }

    fn is_late(&self, pass: Pass) -> bool {
        pass.epoch < self.opened_in
    }

    /// Only the probe itself: one that was given up for lost holds no slot.
    fn free_slot(&mut self, pass: Pass) {
        if let Some(open) = self.open.as_mut().filter(|open| open.probe == Some(pass)) {
            open.probe = None;
        }
    }

    fn close(&mut self, pass: Pass) -> Option<Change> {
        let Open { class, since, failed, until, .. } = self.open.take()?;
        self.consecutive = 0;
        self.window.clear();
        let outage = Outage { began: since, failed, due: until };
        Some(Change::Closed { class, recovery: outage.took(pass.at) })
    }

    fn count_failure(&mut self, class: &'static str, now: Instant, around: &impl Surroundings) -> Option<Change> {
        self.consecutive = self.consecutive.saturating_add(1);
        self.window.fail(now);
        let by = if self.consecutive >= self.settings.consecutive_failures {
            OpenedBy::Consecutive
        } else if self.rate_is_over(now) && around.may_open_by_rate() {
            OpenedBy::Rate
        } else {
            return None;
        };
        Some(self.open(by, class, now, around))
    }

    fn rate_is_over(&self, now: Instant) -> bool {
        let counts = self.window.counts(now);
        counts.total() >= self.settings.minimum_requests
            && u64::from(counts.failed) * 100 >= u64::from(counts.total()) * u64::from(self.settings.failure_percent)
    }

    fn open(&mut self, by: OpenedBy, class: &'static str, now: Instant, around: &impl Surroundings) -> Change {
        let BreakerSettings { first_open, longest_open, .. } = *self.settings;
        let period = match self.unproven {
            Some(period) => doubled(period, longest_open),
            None => around.recovery(class).map_or(first_open, |learned| believable(learned, first_open, longest_open)),
        };
        let open = Open { by, class, since: now, failed: now, until: now, period, probe: None };
        self.open_until(open, period, now, around)
    }

    fn reopen(&mut self, open: Open, now: Instant, around: &impl Surroundings) -> Change {
        self.open_until(open, doubled(open.period, self.settings.longest_open), now, around)
    }

    /// The one place where a deadline is set: it never moves back (field note 24).
    fn open_until(&mut self, open: Open, period: Duration, now: Instant, around: &impl Surroundings) -> Change {
        let until = open.until.max(now + jittered(period, around.jitter()));
        self.open = Some(Open { failed: now, until, period, probe: None, ..open });
        self.epoch += 1;
        self.opened_in = self.epoch;
        self.consecutive = 0;
        self.window.clear();
        Change::Opened { by: open.by, class: open.class, until }
    }
}

//! The cool-down of a credential on a route, or of our address at a host: nothing is
//! sent until a deadline, because an answer said so (spec §5).
//!
//! It is not a breaker. The host works and has told what it wants, so there is nothing to
//! probe: when the time is over all requests may go again. Where the host did not say how
//! long, the time is guessed, and doubled for each refusal that follows without a success
//! between. A refusal of a request that was on its way before the last one came says
//! nothing new: a burst of ten is one refusal.
//!
//! | reason | told | not told |
//! |---|---|---|
//! | `RateLimited` | exactly that long (at most 1 h) | the learned time, else 5 s; doubling to 2 min |
//! | `Quota` | until the window ends | 10 min |
//! | `Refused` | – | 5 s, doubling to 10 min |
//! | `AddressBanned` | exactly that long (at most 1 h) | 1 min |

use std::mem::discriminant;
use std::time::{Duration, Instant};

use crate::backoff::{believable, doubled, jittered};
use crate::outcome::{Effect, Outcome, Quota};
use crate::recovery::Outage;

/// Why it cools down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The credential is limited.
    RateLimited,
    /// The credential has used up what it may use.
    Quota(Quota),
    /// The credential is refused.
    Refused,
    /// Our address is refused, whatever the credential.
    AddressBanned,
}

impl Reason {
    /// The label used in decisions, metrics and pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RateLimited => "rate_limited",
            Self::Quota(_) => "quota",
            Self::Refused => "refused",
            Self::AddressBanned => "address_banned",
        }
    }

    /// The reason of this name; of a quota also what is used up.
    pub fn named(name: &str, quota: Option<&str>) -> Option<Self> {
        match name {
            "rate_limited" => Some(Self::RateLimited),
            "quota" => Quota::ALL.into_iter().find(|known| Some(known.as_str()) == quota).map(Self::Quota),
            "refused" => Some(Self::Refused),
            "address_banned" => Some(Self::AddressBanned),
            _ => None,
        }
    }

    fn of(effect: Effect) -> Option<Self> {
        match effect {
            Effect::RateLimited => Some(Self::RateLimited),
            Effect::Quota(quota) => Some(Self::Quota(quota)),
            Effect::Refused => Some(Self::Refused),
            Effect::AddressBanned => Some(Self::AddressBanned),
            Effect::None | Effect::Busy | Effect::Host | Effect::Route | Effect::RouteMisconfigured | Effect::Drift => {
                None
            }
        }
    }

    fn guess(self) -> Guess {
        let (first, longest, is_blurred) = match self {
            // Limits are those of a minute, mostly; a longer one is met again, once in two minutes.
            Self::RateLimited => (Duration::from_secs(5), Duration::from_mins(2), true),
            // Asked again, seldom enough not to matter, since it may be topped up at any time.
            Self::Quota(_) => (Duration::from_mins(10), Duration::from_mins(10), false),
            // A look-up that failed on the host reads the same (sub2api-host-api.md §7.6), so it
            // begins short; a key that is really dead must not get our address banned.
            Self::Refused => (Duration::from_secs(5), Duration::from_mins(10), true),
            // As long as a host bans (sub2api-host-api.md §4.3).
            Self::AddressBanned => (Duration::from_mins(1), Duration::from_mins(1), false),
        };
        Guess { first, longest, is_blurred }
    }
}

struct Guess {
    first: Duration,
    longest: Duration,
    /// With jitter, so that credentials that were refused together do not return together.
    is_blurred: bool,
}

/// What is cooling down, for plans and people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cooling {
    /// Why.
    pub reason: Reason,
    /// The first refusal since the last success.
    pub since: Instant,
    /// When it may be used again.
    pub until: Instant,
}

/// A cool-down, running or not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cooldown(Option<Refusals>);

/// Refusals since the last success.
#[derive(Clone, Copy, Debug)]
struct Refusals {
    cooling: Cooling,
    /// The last of them.
    refused: Instant,
    /// The last guess, without jitter; `None` after the host has told.
    guessed: Option<Duration>,
}

impl Cooldown {
    /// Notes an attempt that was sent at `sent` and came back at `now`. Outcomes whose effect is no
    /// cool-down change nothing, except that a usable answer ends it. `learned` is the median
    /// recovery time from rate limits without a wait, `jitter` a random number in 0.0..1.0.
    ///
    /// Returns the recovery time to be learned from a usable answer, where there is one.
    pub fn observe(
        &mut self,
        outcome: &Outcome,
        sent: Instant,
        now: Instant,
        learned: Option<Duration>,
        jitter: f64,
    ) -> Option<Duration> {
        if outcome.is_answered() {
            return self.succeeded(sent);
        }
        if let Some(reason) = Reason::of(outcome.effect) {
            match outcome.wait {
                Some(wait) => self.cool(reason, now + wait, None, now),
                None if self.0.is_some_and(|refusals| sent < refusals.refused) => {}
                None => {
                    let guess = reason.guess();
                    let period = self.period(reason, &guess, learned);
                    let until = now + if guess.is_blurred { jittered(period, jitter) } else { period };
                    self.cool(reason, until, Some(period), now);
                }
            }
        }
        None
    }

    /// Until when nothing is to be sent; `None` when something may. May be kept in an atomic beside
    /// it and renewed after each call that takes `&mut self`.
    pub fn blocked_until(&self, now: Instant) -> Option<Instant> {
        self.cooling(now).map(|cooling| cooling.until)
    }

    /// What cools down; `None` when nothing does.
    pub fn cooling(&self, now: Instant) -> Option<Cooling> {
        self.0.map(|refusals| refusals.cooling).filter(|cooling| now < cooling.until)
    }

    /// An operator clears it, as of `at`, if that is sooner. The next refusal still doubles.
    pub fn end_at(&mut self, at: Instant) {
        if let Some(refusals) = &mut self.0 {
            refusals.cooling.until = refusals.cooling.until.min(at);
        }
    }

    /// The last guess of how long it takes, without jitter; `None` after the host has told.
    pub fn guessed(&self) -> Option<Duration> {
        self.0?.guessed
    }

    /// Goes on with a cool-down that another process has seen; one that runs already stays as it is.
    pub fn resume(&mut self, cooling: Cooling, guessed: Option<Duration>) {
        self.0.get_or_insert(Refusals { cooling, refused: cooling.since, guessed });
    }

    /// The credential is another one now: what was is forgotten.
    pub fn forget(&mut self) {
        self.0 = None;
    }

    fn period(&self, reason: Reason, guess: &Guess, learned: Option<Duration>) -> Duration {
        let before = self.0.filter(|refusals| discriminant(&refusals.cooling.reason) == discriminant(&reason));
        if let Some(period) = before.and_then(|refusals| refusals.guessed) {
            return doubled(period, guess.longest);
        }
        match learned {
            Some(learned) if reason == Reason::RateLimited => believable(learned, guess.first, guess.longest),
            _ => guess.first,
        }
    }

    /// The one place where a deadline is set: it never moves back (field note 24). What ends
    /// later is told as the reason.
    fn cool(&mut self, reason: Reason, until: Instant, guessed: Option<Duration>, now: Instant) {
        let mut refusals =
            self.0.unwrap_or(Refusals { cooling: Cooling { reason, since: now, until: now }, refused: now, guessed });
        refusals.refused = now;
        if until >= refusals.cooling.until {
            refusals.cooling.until = until;
            refusals.cooling.reason = reason;
            refusals.guessed = guessed;
        }
        self.0 = Some(refusals);
    }

    /// An answer to a request from before the last refusal says nothing against it.
    fn succeeded(&mut self, sent: Instant) -> Option<Duration> {
        let Refusals { cooling, refused, guessed } = self.0.filter(|refusals| sent >= refusals.refused)?;
        self.0 = None;
        let is_learned = cooling.reason == Reason::RateLimited && guessed.is_some();
        let outage = Outage { began: cooling.since, failed: refused, due: cooling.until };
        outage.took(sent).filter(|_| is_learned)
    }
}

//! Everything counted for one key or one group, and the verdict on its next request.

use std::time::Duration;

use relay_domain::{Amount, Budget, Limits, Period, Timestamp};

use crate::spending::{Spending, Used};
use crate::window::Window;

/// Both clocks: rates are counted on one that does not jump, budgets by the calendar.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Microseconds since some beginning, never going back.
    pub micros: u64,
    /// The time of day.
    pub wall: Timestamp,
}

/// Which limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `rpm`
    Requests,
    /// `tpm`
    Tokens,
    /// `tpd`
    TokensPerDay,
    /// `concurrency`, of so many: a key's and its group's may differ.
    Concurrency(u32),
    /// A budget.
    Budget(Budget),
}

/// A request may not go on now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub kind: Kind,
    /// How long until it may, if nothing else happens; `None` when that is up to a
    /// request in flight.
    pub wait: Option<Duration>,
}

/// How much of a rate is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// The limit.
    pub limit: u64,
    /// What is left of it now.
    pub remaining: u64,
    /// Until all of it is there again, if nothing is asked for.
    pub reset: Duration,
}

/// How a key or a group stands, for the `x-ratelimit-*` fields of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Requests per minute.
    pub requests: Option<Quota>,
    /// Tokens per minute.
    pub tokens: Option<Quota>,
}

impl Standing {
    /// Of two limits that both hold, what the client meets first.
    #[must_use]
    pub fn tighter(self, other: Self) -> Self {
        let tighter = |a: Option<Quota>, b: Option<Quota>| {
            a.into_iter().chain(b).min_by_key(|quota| (quota.remaining, std::cmp::Reverse(quota.reset)))
        };
        Self { requests: tighter(self.requests, other.requests), tokens: tighter(self.tokens, other.tokens) }
    }
}

/// What is counted for one key or one group.
///
/// Laid out by hand: what an admission reads comes first.
#[derive(Clone, Debug, Default)]
#[repr(C)]
pub struct Limiter {
    in_flight: u32,
    /// Estimated tokens of the requests in flight.
    reserved: u64,
    pub(crate) requests: Window,
    pub(crate) tokens: Window,
    spending: Spending,
}

impl Limiter {
    /// Lets a request of `estimate` tokens in, or says why not and for how long.
    /// What was let in is ended by [`Limiter::settle`], or undone by [`Limiter::take_back`].
    ///
    /// # Errors
    /// A limit is reached; of several the one that lasts longest.
    pub fn admit(&mut self, limits: &Limits, estimate: u64, now: Now) -> Result<(), Refusal> {
        if let Some(refusal) = self.refusal(limits, now) {
            return Err(refusal);
        }
        if limits.rpm.is_some() {
            self.requests.add(now.micros, 1);
        }
        self.reserved = self.reserved.saturating_add(estimate);
        self.in_flight += 1;
        Ok(())
    }

    /// As if the request admitted at `now` had never come, but that those in the two seconds before it may count for
    /// as long as it would have.
    pub fn take_back(&mut self, limits: &Limits, estimate: u64, now: Now) {
        if limits.rpm.is_some() {
            self.requests.take_back(now.micros, 1);
        }
        self.end(estimate);
    }

    /// A request that was let in has ended. `rate_tokens` is what counts for the minute;
    /// `used` is what the log says of it, and counts for the periods of `arrived`.
    pub fn settle(&mut self, estimate: u64, rate_tokens: u64, used: Used, arrived: Timestamp, now: Now) {
        self.end(estimate);
        if rate_tokens > 0 {
            self.tokens.add(now.micros, rate_tokens);
        }
        if used != Used::default() {
            self.spending.add(arrived, used, now.wall);
        }
    }

    /// Counts what the log says of requests that ended before this process began.
    pub fn restore(&mut self, arrived: Timestamp, used: Used, now: Timestamp) {
        self.spending.add(arrived, used, now);
    }

    /// What was spent in the present period.
    pub fn spent(&mut self, period: Period, now: Timestamp) -> Used {
        self.spending.used(period, now)
    }

    /// When the present period ends.
    pub fn period_ends(&mut self, period: Period, now: Timestamp) -> Timestamp {
        self.spending.ends_at(period, now)
    }

    /// How much is left of the rates.
    pub fn standing(&mut self, limits: &Limits, now: Now) -> Standing {
        let quota = |window: &mut Window, limit: u64, reserved: u64| Quota {
            limit,
            remaining: limit.saturating_sub(window.sum(now.micros).saturating_add(reserved)),
            reset: Duration::from_micros(window.until_empty(now.micros)),
        };
        Standing {
            requests: limits.rpm.map(|limit| quota(&mut self.requests, limit, 0)),
            tokens: limits.tpm.map(|limit| quota(&mut self.tokens, limit, self.reserved)),
        }
    }

    /// Requests in flight.
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    fn end(&mut self, estimate: u64) {
        self.reserved = self.reserved.saturating_sub(estimate);
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    fn refusal(&mut self, limits: &Limits, now: Now) -> Option<Refusal> {
        let requests = limits.rpm.and_then(|limit| self.over_requests(limit, now));
        let tokens = limits.tpm.and_then(|limit| self.over_tokens(limit, now));
        let concurrency = limits
            .concurrency
            .filter(|limit| self.in_flight >= *limit)
            .map(|limit| Refusal { kind: Kind::Concurrency(limit), wait: None });
        let day = limits.tpd.and_then(|limit| {
            let budget = Budget { amount: Amount::Tokens(limit), period: Period::Day };
            self.over_budget(Kind::TokensPerDay, budget, now)
        });
        let budgets = limits.budgets.iter();
        let budgets = budgets.filter_map(|budget| self.over_budget(Kind::Budget(*budget), *budget, now));
        let budget = budgets.max_by_key(|refusal| refusal.wait);
        [concurrency, requests, tokens, day, budget].into_iter().flatten().max_by_key(|refusal| refusal.wait)
    }

    fn over_requests(&mut self, limit: u64, now: Now) -> Option<Refusal> {
        let wait = self.requests.until_below(limit, now.micros);
        (wait > 0).then(|| Refusal { kind: Kind::Requests, wait: Some(Duration::from_micros(wait)) })
    }

    fn over_tokens(&mut self, limit: u64, now: Now) -> Option<Refusal> {
        let used = self.tokens.sum(now.micros);
        if used.saturating_add(self.reserved) < limit {
            return None;
        }
        // What is reserved ends when its requests do, and nobody knows when.
        let wait = (used >= limit).then(|| Duration::from_micros(self.tokens.until_below(limit, now.micros)));
        Some(Refusal { kind: Kind::Tokens, wait })
    }

    fn over_budget(&mut self, kind: Kind, budget: Budget, now: Now) -> Option<Refusal> {
        let used = self.spending.used(budget.period, now.wall);
        let (is_spent, is_reserved) = match budget.amount {
            Amount::Tokens(limit) => (used.tokens >= limit, used.tokens.saturating_add(self.reserved) >= limit),
            Amount::Money(limit) => (used.money >= limit, false),
        };
        if !is_spent {
            // Whether it will be is up to the requests in flight.
            return is_reserved.then_some(Refusal { kind, wait: None });
        }
        let left = self.spending.ends_at(budget.period, now.wall).duration_since(now.wall);
        Some(Refusal { kind, wait: Some(Duration::try_from(left).unwrap_or_default()) })
    }
}

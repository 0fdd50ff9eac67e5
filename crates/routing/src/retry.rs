//! Whether another candidate is tried after a failed attempt (spec §5): the state of one
//! request's walk over its plan, without the attempts themselves.
//!
//! What stops a walk, in the order in which it is asked:
//!
//! 1. the outcome: what is the client's own fault, or was committed, is told at once;
//! 2. a second timeout, or the first where the group forbids to retry it;
//! 3. work that must not be done twice, once it may have been done;
//! 4. the plan: candidates are tried without replacement;
//! 5. the count: 3, or 5 as long as none was sent;
//! 6. the time that connects and refusals took together. Where the host may have worked the
//!    time went into that, however it ended, and is not counted;
//!
//! Whoever runs the attempts then takes a retry out of the process-wide budget
//! ([`crate::retry_budget`]), and may wait for one as long as the walk has [time](Walk::time_left).

use std::time::Duration;

use crate::LeftBecause;
use crate::outcome::{Another, AttemptEnd, Outcome};

/// What a request may spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts at most, when a host may have seen the request (`retry.attempts`).
    pub attempts: u32,
    /// Attempts at most while none was sent; never fewer than `attempts`.
    pub unsent_attempts: u32,
    /// Time for connects and refusals (`timeouts.attempts`).
    pub time: Duration,
    /// Whether a timeout may be retried, once: the host may bill both (`retry_on_timeout` of the group).
    pub retry_on_timeout: bool,
    /// The request leaves something behind on the host (`background: true`, images,
    /// `previous_response_id` with `store: true`), so it must not be executed twice.
    pub is_stateful: bool,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        let time = Duration::from_secs(30);
        Self { attempts: 3, unsent_attempts: 5, time, retry_on_timeout: true, is_stateful: false }
    }
}

/// What comes after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The next candidate.
    GoOn {
        /// A retry is to be taken out of the budget first, and put back when the next attempt
        /// has failed or has its first output.
        takes_retry: bool,
    },
    /// The client's answer, made from the last outcome.
    Stop(Stop),
}

/// Why no other candidate is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The outcome is the same everywhere, or came after the commit.
    Final,
    /// The group does not retry timeouts, or this was the second.
    Timeout,
    /// It may have been executed, and must not be twice.
    Stateful,
    /// No candidate is left.
    NoCandidate,
    /// So many attempts were made.
    Attempts,
    /// They took so long.
    Time,
    /// Too many retries are in flight, and remained so; whoever keeps the budget says it.
    Budget,
}

impl Stop {
    /// The label used in decisions and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Final => "final",
            Self::Timeout => "timeout",
            Self::Stateful => "stateful",
            Self::NoCandidate => "no_candidate",
            Self::Attempts => "attempts",
            Self::Time => "time",
            Self::Budget => "budget",
        }
    }
}

/// The attempts of one request so far. An attempt that succeeds ends the walk without being told here.
#[derive(Clone, Copy, Debug)]
pub struct Walk {
    policy: RetryPolicy,
    made: u32,
    /// One of them may have reached a host.
    was_sent: bool,
    timed_out: bool,
    spent: Duration,
    wait: Option<Duration>,
    left_first: Option<LeftBecause>,
    possible_double_bill: bool,
}

impl Walk {
    /// A walk before its first attempt.
    pub fn new(policy: RetryPolicy) -> Self {
        Self {
            policy,
            made: 0,
            was_sent: false,
            timed_out: false,
            spent: Duration::ZERO,
            wait: None,
            left_first: None,
            possible_double_bill: false,
        }
    }

    /// Notes an attempt that failed after `took`, and says whether the next candidate is tried.
    /// `has_candidate` tells whether there is one that would be admitted.
    pub fn next(&mut self, outcome: &Outcome, took: Duration, has_candidate: bool) -> Next {
        let is_second_timeout = self.note(outcome, took);
        if let Some(stop) = self.stop(outcome, is_second_timeout, has_candidate) {
            return Next::Stop(stop);
        }
        self.possible_double_bill |= outcome.end == AttemptEnd::MaybeExecuted;
        Next::GoOn { takes_retry: outcome.end != AttemptEnd::NotSent }
    }

    /// Attempts made.
    pub fn made(&self) -> u32 {
        self.made
    }

    /// The smallest wait that any host asked for: whichever is ready first may serve the next
    /// try. It goes with a last outcome that has a wait itself.
    pub fn wait(&self) -> Option<Duration> {
        self.wait
    }

    /// Why the first attempt's route was left; `None` before it was.
    pub fn left_first(&self) -> Option<LeftBecause> {
        self.left_first
    }

    /// What is left of the time for connects and refusals.
    pub fn time_left(&self) -> Duration {
        self.policy.time.saturating_sub(self.spent)
    }

    /// A request that may have been executed was sent again, if going on came to that.
    pub fn possible_double_bill(&self) -> bool {
        self.possible_double_bill
    }

    /// Whether it was a timeout after another.
    fn note(&mut self, outcome: &Outcome, took: Duration) -> bool {
        self.made += 1;
        self.was_sent |= outcome.end != AttemptEnd::NotSent;
        if outcome.end != AttemptEnd::MaybeExecuted {
            self.spent += took;
        }
        self.wait = self.wait.into_iter().chain(outcome.wait).min();
        self.left_first.get_or_insert(outcome.left_because());
        outcome.another == Another::Once && std::mem::replace(&mut self.timed_out, true)
    }

    fn stop(&self, outcome: &Outcome, is_second_timeout: bool, has_candidate: bool) -> Option<Stop> {
        let RetryPolicy { attempts, unsent_attempts, time, retry_on_timeout, is_stateful } = self.policy;
        let most = if self.was_sent { attempts } else { attempts.max(unsent_attempts) };
        let reasons = [
            (outcome.another == Another::No, Stop::Final),
            (outcome.another == Another::Once && (is_second_timeout || !retry_on_timeout), Stop::Timeout),
            (is_stateful && outcome.end == AttemptEnd::MaybeExecuted, Stop::Stateful),
            (!has_candidate, Stop::NoCandidate),
            (self.made >= most, Stop::Attempts),
            (self.spent >= time, Stop::Time),
        ];
        reasons.into_iter().find(|(applies, _)| *applies).map(|(_, stop)| stop)
    }
}

//! What the next process of a restart has to know of the last minute: without it a key would have its rates twice.
//! What was spent in a day or longer is in the decision log.

use serde::{Deserialize, Serialize};

use crate::limiter::{Limiter, Now};
use crate::window::Window;

/// Events of a window that came close together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarriedBucket {
    /// Microseconds since the first of them.
    pub first_age: u64,
    /// Microseconds since the last of them.
    pub last_age: u64,
    /// What they add up to.
    pub amount: u64,
}

/// The rates of one key or group, as they were at some moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarriedRates {
    requests: Vec<CarriedBucket>,
    tokens: Vec<CarriedBucket>,
}

impl CarriedRates {
    /// Nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.tokens.is_empty()
    }
}

impl Limiter {
    /// What was counted in the last minute.
    pub fn carry(&mut self, now: Now) -> CarriedRates {
        CarriedRates { requests: self.requests.carry(now.micros), tokens: self.tokens.carry(now.micros) }
    }

    /// Adds what another process had counted `elapsed` microseconds before `now`. The clock of `now` has to have run for
    /// a minute longer than this process, so that what was before it has a time.
    pub fn take_over(&mut self, carried: &CarriedRates, elapsed: u64, now: Now) {
        self.requests.take_over(&carried.requests, elapsed, now.micros);
        self.tokens.take_over(&carried.tokens, elapsed, now.micros);
    }
}

impl Window {
    fn carry(&mut self, now: u64) -> Vec<CarriedBucket> {
        // Requests go on meanwhile: one may have been counted since `now` was read.
        let age = |at: u64| now.saturating_sub(at);
        self.counted(now)
            .map(|(first, last, amount)| CarriedBucket { first_age: age(first), last_age: age(last), amount })
            .collect()
    }

    fn take_over(&mut self, carried: &[CarriedBucket], elapsed: u64, now: u64) {
        for bucket in carried {
            let at = |age: u64| now.saturating_sub(age.saturating_add(elapsed));
            self.insert(at(bucket.first_age), at(bucket.last_age), bucket.amount);
        }
        // What has left the window meanwhile goes.
        self.sum(now);
    }
}

#[cfg(test)]
mod tests {
    use relay_domain::{Limits, Timestamp};

    use super::*;

    const SECOND: u64 = 1_000_000;

    fn at(seconds: u64) -> Now {
        Now { micros: 120 * SECOND + seconds * SECOND, wall: Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn a_rate_is_not_given_out_twice_and_comes_back_when_it_would_have() {
        let limits = Limits { rpm: Some(3), ..Limits::default() };
        let mut before = Limiter::default();
        assert!(before.admit(&limits, 0, at(0)).is_ok());
        assert!(before.admit(&limits, 0, at(30)).is_ok());
        let carried = before.carry(at(40));
        // Two seconds later another process goes on, whose clock began anew and which has let one in already.
        let mut after = Limiter::default();
        assert!(after.admit(&limits, 0, at(1)).is_ok());
        after.take_over(&carried, 2 * SECOND, at(2));
        let refusal = after.admit(&limits, 0, at(2)).unwrap_err();
        assert_eq!(refusal.wait.map(|wait| wait.as_secs()), Some(18), "a minute after the first one");
        assert!(after.admit(&limits, 0, at(20)).is_ok());
        assert!(after.admit(&limits, 0, at(49)).is_err());
        assert!(after.admit(&limits, 0, at(50)).is_ok());
    }

    #[test]
    fn what_was_counted_since_the_time_was_read_is_carried_as_new() {
        let limits = Limits { rpm: Some(1), ..Limits::default() };
        let mut before = Limiter::default();
        assert!(before.admit(&limits, 0, at(1)).is_ok());
        let carried = before.carry(at(0));
        let mut after = Limiter::default();
        after.take_over(&carried, 0, at(1));
        assert!(after.admit(&limits, 0, at(60)).is_err());
        assert!(after.admit(&limits, 0, at(61)).is_ok());
    }

    #[test]
    fn what_has_left_the_window_meanwhile_counts_no_more() {
        let limits = Limits { rpm: Some(1), ..Limits::default() };
        let mut before = Limiter::default();
        assert!(before.admit(&limits, 0, at(0)).is_ok());
        let carried = before.carry(at(1));
        let mut after = Limiter::default();
        after.take_over(&carried, 60 * SECOND, at(0));
        assert!(after.admit(&limits, 0, at(0)).is_ok());
        assert!(Limiter::default().carry(at(0)).is_empty());
    }
}

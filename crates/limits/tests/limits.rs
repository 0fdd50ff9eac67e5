//! The promises of limits, against models that are too simple to be wrong.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use proptest::prelude::*;
use relay_domain::{Amount, Budget, Limits, Money, Period, Timestamp};
use relay_limits::{Kind, Limiter, Now, Refusal, Used, Window};

const MINUTE: u64 = 60_000_000;

fn at(micros: u64) -> Now {
    let start: Timestamp = "2026-11-26T12:00:00Z".parse().unwrap();
    Now { micros, wall: start + Duration::from_micros(micros) }
}

fn rpm(limit: u64) -> Limits {
    Limits { rpm: Some(limit), ..Limits::default() }
}

fn used(tokens: u64) -> Used {
    Used { tokens, money: Money::from_nanos(tokens.cast_signed() * 1_000) }
}

proptest! {
    /// However requests come, no 60 seconds hold more than the limit, and the wait that a refusal
    /// names is exact: a microsecond earlier it would still be refused, and then it is not.
    #[test]
    fn no_minute_holds_more_than_the_limit_and_waits_are_exact(
        limit in 1_u64..20,
        gaps in prop::collection::vec(prop_oneof![0_u64..5, 0_u64..3_000_000, 0_u64..90_000_000], 1..200),
    ) {
        let mut limiter = Limiter::default();
        let mut admitted: Vec<u64> = Vec::new();
        let mut now = 0;
        for gap in gaps {
            now += gap;
            match limiter.admit(&rpm(limit), 0, at(now)) {
                Ok(()) => {
                    limiter.settle(0, 0, Used::default(), at(now).wall, at(now));
                    admitted.push(now);
                    let in_minute = admitted.iter().filter(|then| **then + MINUTE > now).count() as u64;
                    prop_assert!(in_minute <= limit);
                }
                Err(Refusal { kind, wait }) => {
                    prop_assert_eq!(kind, Kind::Requests);
                    let wait = wait.unwrap().as_micros() as u64;
                    prop_assert!(wait > 0 && wait <= MINUTE);
                    prop_assert!(limiter.clone().admit(&rpm(limit), 0, at(now + wait - 1)).is_err());
                    prop_assert!(limiter.clone().admit(&rpm(limit), 0, at(now + wait)).is_ok());
                }
            }
        }
    }

    /// A window's sum is never below the truth, exact for events that are apart, and its memory is bounded.
    #[test]
    fn a_window_never_counts_too_little(
        events in prop::collection::vec((0_u64..4_000_000, 0_u64..1_000), 1..300),
    ) {
        let mut window = Window::default();
        let mut truth: Vec<(u64, u64)> = Vec::new();
        let mut now = 0;
        for (gap, amount) in events {
            now += gap;
            window.add(now, amount);
            truth.push((now, amount));
            let within = |slack: u64| -> u64 {
                truth.iter().filter(|(then, _)| then + MINUTE + slack > now).map(|(_, amount)| amount).sum()
            };
            let sum = window.sum(now);
            prop_assert!(sum >= within(0) && sum <= within(MINUTE / 30));
            prop_assert!(window.buckets() <= 32);
        }
    }

    /// Whatever is admitted and taken back leaves no trace.
    #[test]
    fn what_is_taken_back_never_was(limit in 1_u64..10, times in prop::collection::vec(0_u64..5_000_000, 1..50)) {
        let limits = Limits { tpm: Some(1_000), concurrency: Some(3), ..rpm(limit) };
        let mut limiter = Limiter::default();
        let mut now = 0;
        for gap in times {
            now += gap;
            prop_assert!(limiter.admit(&limits, 100, at(now)).is_ok());
            limiter.take_back(&limits, 100, at(now));
        }
        let standing = limiter.standing(&limits, at(now));
        prop_assert_eq!(standing.requests.unwrap().remaining, limit);
        prop_assert_eq!(standing.tokens.unwrap().remaining, 1_000);
        prop_assert_eq!(limiter.in_flight(), 0);
    }
}

#[test]
fn a_burst_gets_the_whole_limit_and_the_rest_wait_for_its_minute() {
    let mut limiter = Limiter::default();
    let admitted = (0..150).filter(|i| limiter.admit(&rpm(100), 0, at(i * 1_000)).is_ok()).count();
    assert_eq!(admitted, 100);
    let refusal = limiter.admit(&rpm(100), 0, at(150_000)).unwrap_err();
    // The last of the burst was admitted at 99 ms.
    assert_eq!(refusal.wait, Some(Duration::from_micros(MINUTE + 99_000 - 150_000)));
}

#[test]
fn tokens_are_reserved_and_then_counted_as_they_were_used() {
    let limits = Limits { tpm: Some(1_000), ..Limits::default() };
    let mut limiter = Limiter::default();
    limiter.admit(&limits, 400, at(0)).unwrap();
    limiter.admit(&limits, 600, at(1)).unwrap();
    // Both are in flight: whether there is room depends on what they will have used.
    assert_eq!(limiter.admit(&limits, 1, at(2)), Err(Refusal { kind: Kind::Tokens, wait: None }));
    limiter.settle(600, 100, used(100), at(1).wall, at(10));
    limiter.admit(&limits, 1, at(11)).unwrap();
    limiter.settle(400, 950, used(950), at(0).wall, at(12));
    let refusal = limiter.admit(&limits, 1, at(13)).unwrap_err();
    assert_eq!(refusal.kind, Kind::Tokens);
    assert!(refusal.wait.is_some_and(|wait| wait <= Duration::from_mins(1)));
    assert_eq!(limiter.standing(&limits, at(13)).tokens.unwrap().remaining, 0);
}

#[test]
fn a_budget_refuses_until_its_period_ends_and_begins_anew() {
    let budget = Budget { amount: Amount::Money(Money::from_nanos(1_000_000)), period: Period::Day };
    let limits = Limits { budgets: vec![budget], ..Limits::default() };
    let mut limiter = Limiter::default();
    limiter.admit(&limits, 0, at(0)).unwrap();
    limiter.settle(0, 0, used(1_000), at(0).wall, at(0));
    let refusal = limiter.admit(&limits, 0, at(0)).unwrap_err();
    assert_eq!(refusal, Refusal { kind: Kind::Budget(budget), wait: Some(Duration::from_hours(12)) });
    let midnight = 12 * 3_600 * 1_000_000;
    assert!(limiter.admit(&limits, 0, at(midnight - 1)).is_err());
    assert!(limiter.admit(&limits, 0, at(midnight)).is_ok());
}

#[test]
fn a_request_counts_for_the_day_in_which_it_arrived() {
    let limits = Limits { tpd: Some(10), ..Limits::default() };
    let midnight = 12 * 3_600 * 1_000_000;
    let mut limiter = Limiter::default();
    limiter.admit(&limits, 0, at(midnight - 5)).unwrap();
    // It ends after midnight: yesterday's tokens, whoever looks at the log.
    limiter.settle(0, 50, used(50), at(midnight - 5).wall, at(midnight + 5));
    assert_eq!(limiter.spent(Period::Day, at(midnight + 6).wall), Used::default());
    assert_eq!(limiter.spent(Period::Month, at(midnight + 6).wall), used(50));
    limiter.admit(&limits, 0, at(midnight + 7)).unwrap();
}

#[test]
fn amounts_beyond_any_sum_leave_the_window_like_others() {
    let second = |seconds: u64| seconds * 1_000_000;
    let mut window = Window::default();
    for (at, amount) in [(0, u64::MAX), (3, 5), (10, 7), (61, 1)] {
        window.add(second(at), amount);
    }
    assert_eq!(window.sum(second(62)), 13);
    assert_eq!(window.until_below(9, second(62)), second(1));
    assert_eq!(window.sum(second(64)), 8);
    assert_eq!(window.sum(second(121)), 0);
}

#[test]
fn a_clock_that_was_ahead_and_is_set_back_leaves_every_budget_in_force() {
    let limits = Limits { tpd: Some(100), ..Limits::default() };
    let mut limiter = Limiter::default();
    let ahead = at(3 * 24 * 3_600 * 1_000_000);
    limiter.admit(&limits, 0, ahead).unwrap();
    limiter.settle(0, 0, used(60), ahead.wall, ahead);
    limiter.admit(&limits, 0, at(0)).unwrap();
    limiter.settle(0, 0, used(40), at(0).wall, at(0));
    assert_eq!(limiter.admit(&limits, 0, at(1)).unwrap_err().kind, Kind::TokensPerDay);
    // The day that was counted is over.
    assert!(limiter.admit(&limits, 0, at(4 * 24 * 3_600 * 1_000_000)).is_ok());
}

#[test]
fn what_the_log_remembers_counts_after_a_restart() {
    let limits = Limits { tpd: Some(100), ..Limits::default() };
    let now = at(0);
    let mut limiter = Limiter::default();
    limiter.restore(now.wall - Duration::from_hours(24), used(1_000), now.wall);
    limiter.restore(now.wall - Duration::from_hours(1), used(100), now.wall);
    assert_eq!(limiter.admit(&limits, 0, now).unwrap_err().kind, Kind::TokensPerDay);
}

#[test]
fn of_several_limits_the_one_that_lasts_longest_is_told() {
    let limits = Limits { concurrency: Some(1), tpd: Some(1), ..rpm(1) };
    let mut limiter = Limiter::default();
    limiter.admit(&limits, 0, at(0)).unwrap();
    assert_eq!(limiter.admit(&limits, 0, at(1)).unwrap_err().kind, Kind::Requests);
    limiter.restore(at(0).wall, used(1), at(0).wall);
    assert_eq!(limiter.admit(&limits, 0, at(1)).unwrap_err().kind, Kind::TokensPerDay);
    let refusal = limiter.admit(&Limits { concurrency: Some(1), ..Limits::default() }, 0, at(1)).unwrap_err();
    assert_eq!(refusal, Refusal { kind: Kind::Concurrency(1), wait: None });
}

#[test]
fn a_limit_of_zero_lets_nothing_in() {
    let mut limiter = Limiter::default();
    for limits in [rpm(0), Limits { tpm: Some(0), ..Limits::default() }, Limits { tpd: Some(0), ..Limits::default() }] {
        assert!(limiter.admit(&limits, 0, at(0)).is_err());
    }
    assert!(limiter.admit(&Limits { concurrency: Some(0), ..Limits::default() }, 0, at(0)).is_err());
}

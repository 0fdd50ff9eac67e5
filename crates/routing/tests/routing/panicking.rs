//! Panic mode: with everything open, one request a second.

use std::time::Duration;

use proptest::prelude::*;
use relay_routing::breaker::Refused;
use relay_routing::panic_mode::PanicMode;

use crate::clock::{Clock, millis, seconds};

#[test]
fn one_request_a_second_goes_to_the_route_that_is_due_first() {
    let mut clock = Clock::new();
    let start = clock.now();
    let open = || [("a", start + seconds(30)), ("b", start + seconds(20)), ("c", start + seconds(20))];
    let mut panic = PanicMode::default();
    assert_eq!(panic.admit(clock.now(), open()), Ok("b"));
    // The others are told when the first is due, not when the next second is: it is not for all of them.
    assert_eq!(panic.admit(clock.now(), open()), Err(Refused { until: start + seconds(20) }));
    clock.advance(millis(999));
    assert!(panic.admit(clock.now(), open()).is_err());
    clock.advance(millis(1));
    assert_eq!(panic.admit(clock.now(), open()), Ok("b"));
}

#[test]
fn a_refusal_names_a_time_that_is_worth_waiting_for() {
    let now = Clock::new().now();
    let mut panic = PanicMode::default();
    assert_eq!(panic.admit(now, [("a", now)]), Ok("a"));
    assert_eq!(panic.admit(now, [("a", now)]), Err(Refused { until: now + seconds(1) }));
    assert_eq!(PanicMode::default().admit::<&str>(now, []), Err(Refused { until: now + seconds(1) }));
}

proptest! {
    #[test]
    fn never_more_than_one_a_second(gaps in prop::collection::vec(0..700u64, 1..200)) {
        let mut clock = Clock::new();
        let mut panic = PanicMode::default();
        let mut admitted = Vec::new();
        for gap in gaps {
            clock.advance(millis(gap));
            if panic.admit(clock.now(), [((), clock.now() + seconds(60))]).is_ok() {
                admitted.push(clock.now());
            }
        }
        prop_assert!(!admitted.is_empty());
        prop_assert!(admitted.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_secs(1)));
    }
}

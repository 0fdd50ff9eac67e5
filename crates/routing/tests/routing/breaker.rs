//! The circuit breaker: each promise by itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use relay_routing::breaker::{Breaker, Change, OpenedBy, Pass, Refused, Seen, State, Surroundings};

use crate::clock::{Clock, millis, seconds};

/// What a breaker asks about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct World {
    pub(crate) learned: Option<Duration>,
    pub(crate) may_open_by_rate: bool,
    pub(crate) jitter: f64,
}

/// Nothing is learned, and jitter moves nothing.
pub(crate) const PLAIN: World = World { learned: None, may_open_by_rate: true, jitter: 0.5 };

impl Surroundings for World {
    fn recovery(&self, _class: &'static str) -> Option<Duration> {
        self.learned
    }

    fn may_open_by_rate(&self) -> bool {
        self.may_open_by_rate
    }

    fn jitter(&self) -> f64 {
        self.jitter
    }
}

/// Must not be asked.
struct Unasked;

impl Surroundings for Unasked {
    fn recovery(&self, _class: &'static str) -> Option<Duration> {
        panic!("asked for a recovery time")
    }

    fn may_open_by_rate(&self) -> bool {
        panic!("asked for other routes")
    }

    fn jitter(&self) -> f64 {
        panic!("asked for jitter")
    }
}

pub(crate) const FAILED: Seen = Seen::Failure("gateway_5xx");

/// A breaker with its time.
struct Rig {
    clock: Clock,
    breaker: Breaker,
    world: World,
}

impl Rig {
    fn new() -> Self {
        Self { clock: Clock::new(), breaker: Breaker::new(Arc::default()), world: PLAIN }
    }

    /// Open for five seconds, by five failures in a row.
    fn open() -> Self {
        let mut rig = Self::new();
        rig.fail(5);
        assert_eq!(rig.state(), State::Open { until: rig.clock.now() + seconds(5) });
        rig
    }

    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn state(&self) -> State {
        self.breaker.state(self.now())
    }

    fn admit(&mut self) -> Pass {
        self.breaker.admit(self.clock.now()).unwrap()
    }

    fn observe(&mut self, pass: Pass, seen: Seen) -> Option<Change> {
        self.breaker.observe(pass, seen, self.clock.now(), &self.world)
    }

    fn request(&mut self, seen: Seen) -> Option<Change> {
        let pass = self.admit();
        self.observe(pass, seen)
    }

    fn fail(&mut self, times: usize) {
        for _ in 0..times {
            self.request(FAILED);
        }
    }

    /// How long it has to wait from now; zero when it has not.
    fn blocked(&self) -> Duration {
        self.breaker.blocked_until(self.now()).map_or(Duration::ZERO, |until| until - self.now())
    }

    /// Lets the open period pass and the probe end so.
    fn probe(&mut self, seen: Seen) -> Option<Change> {
        let State::Open { until } = self.state() else { panic!("{:?}", self.state()) };
        self.clock.set(until);
        let pass = self.admit();
        assert!(pass.is_probe());
        self.observe(pass, seen)
    }
}

#[test]
fn five_failures_in_a_row_open_it() {
    let mut rig = Rig::new();
    for _ in 0..3 {
        for _ in 0..4 {
            assert_eq!(rig.request(FAILED), None);
        }
        rig.request(Seen::Nothing);
        assert_eq!(rig.request(Seen::Success), None, "a success ends the row");
    }
    for _ in 0..4 {
        rig.request(FAILED);
        rig.request(Seen::Nothing);
    }
    let until = rig.now() + seconds(5);
    let opened = Change::Opened { by: OpenedBy::Consecutive, class: "gateway_5xx", until };
    assert_eq!(rig.request(FAILED), Some(opened));
    assert_eq!(rig.breaker.admit(rig.now()), Err(Refused { until }));
}

/// `failures` and so many successes that there are `total`, evenly over ten seconds.
fn mixed(rig: &mut Rig, failures: u32, total: u32) -> Option<Change> {
    let mut change = None;
    for number in 0..total {
        // Failures are spread so that no five of them follow each other.
        let fails = (number + 1) * failures / total > number * failures / total;
        change = rig.request(if fails { FAILED } else { Seen::Success }).or(change);
        rig.clock.advance(seconds(10) / total);
    }
    change
}

#[test]
fn half_of_twenty_open_it() {
    assert_eq!(mixed(&mut Rig::new(), 9, 20), None);
    assert_eq!(mixed(&mut Rig::new(), 9, 18), None, "too few to tell");
    let change = mixed(&mut Rig::new(), 10, 20);
    assert!(matches!(change, Some(Change::Opened { by: OpenedBy::Rate, .. })), "{change:?}");
}

#[test]
fn the_rate_is_that_of_the_last_thirty_seconds() {
    let mut rig = Rig::new();
    mixed(&mut rig, 9, 19);
    rig.clock.advance(seconds(30));
    assert_eq!(mixed(&mut rig, 9, 19), None);
    assert_eq!((rig.breaker.counts(rig.now()).failed, rig.breaker.counts(rig.now()).succeeded), (9, 10));
}

#[test]
fn the_rate_opens_nothing_where_half_of_the_model_is_open() {
    let mut rig = Rig::new();
    rig.world.may_open_by_rate = false;
    assert_eq!(mixed(&mut rig, 30, 40), None);
    rig.request(Seen::Success);
    rig.fail(4);
    assert!(matches!(rig.request(FAILED), Some(Change::Opened { by: OpenedBy::Consecutive, .. })));
}

#[test]
fn the_world_is_asked_only_when_it_matters() {
    let mut rig = Rig::new();
    for seen in [Seen::Success, Seen::Nothing, FAILED, FAILED, FAILED, FAILED] {
        let pass = rig.admit();
        assert_eq!(rig.breaker.observe(pass, seen, rig.now(), &Unasked), None);
    }
}

#[test]
fn half_open_lets_exactly_one_request_through() {
    let mut rig = Rig::open();
    rig.clock.advance(millis(4999));
    assert!(rig.breaker.admit(rig.now()).is_err());
    rig.clock.advance(millis(1));
    assert_eq!((rig.state(), rig.blocked()), (State::HalfOpen { probing: false }, Duration::ZERO));
    let probe = rig.admit();
    assert!(probe.is_probe());
    assert_eq!(rig.state(), State::HalfOpen { probing: true });
    assert_eq!(rig.breaker.admit(rig.now()), Err(Refused { until: rig.now() + seconds(1) }));
    let closed = rig.observe(probe, Seen::Success);
    assert!(matches!(closed, Some(Change::Closed { class: "gateway_5xx", .. })), "{closed:?}");
    assert_eq!((rig.state(), rig.admit().is_probe()), (State::Closed, false));
}

#[test]
fn a_probe_that_fails_opens_it_again_for_twice_as_long() {
    let mut rig = Rig::open();
    let since = rig.now();
    let mut periods = Vec::new();
    for _ in 0..7 {
        let reopened = rig.probe(Seen::Failure("timeout"));
        // The class stays the one that opened it, for that is what is learned.
        assert!(matches!(reopened, Some(Change::Opened { class: "gateway_5xx", .. })), "{reopened:?}");
        periods.push(rig.blocked().as_secs());
    }
    assert_eq!(periods, [10, 20, 40, 80, 120, 120, 120]);
    assert_eq!(rig.breaker.opening().unwrap().since, since);
}

#[test]
fn jitter_is_a_fifth_either_way() {
    for (jitter, millis) in [(0.0, 4000), (0.999_999, 5999)] {
        let mut rig = Rig::new();
        rig.world.jitter = jitter;
        rig.fail(5);
        assert_eq!(rig.blocked().as_millis(), millis);
    }
}

#[test]
fn the_first_period_is_what_was_learned() {
    for (learned, expected) in [(None, 5000), (Some(17_000), 17_000), (Some(1), 1250), (Some(600_000), 120_000)] {
        let mut rig = Rig::new();
        rig.world.learned = learned.map(millis);
        rig.fail(5);
        assert_eq!(rig.blocked().as_millis(), expected);
    }
}

#[test]
fn a_probe_whose_client_left_frees_the_slot() {
    let mut rig = Rig::open();
    let until = rig.now() + seconds(5);
    assert_eq!(rig.probe(Seen::Nothing), None);
    assert_eq!(rig.breaker.opening().unwrap().until, until);
    assert!(rig.admit().is_probe());
}

#[test]
fn a_probe_that_never_reports_blocks_nobody_for_ever() {
    let mut rig = Rig::open();
    rig.clock.advance(seconds(5));
    let lost = rig.admit();
    rig.clock.advance(seconds(319));
    assert!(rig.breaker.admit(rig.now()).is_err());
    rig.clock.advance(millis(999));
    assert_eq!(rig.blocked(), millis(1), "not longer than until it is given up");
    rig.clock.advance(millis(1));
    let next = rig.admit();
    assert!(next.is_probe());
    // It comes back after all. It holds no slot that it could free, and cannot judge the other.
    assert_eq!(rig.observe(lost, Seen::Nothing), None);
    assert_eq!(rig.observe(lost, FAILED), None);
    assert_eq!(rig.state(), State::HalfOpen { probing: true });
    assert!(rig.observe(next, FAILED).is_some());
}

#[test]
fn a_late_result_from_before_the_opening_is_ignored() {
    let mut rig = Rig::new();
    let late: Vec<Pass> = (0..4).map(|_| rig.admit()).collect();
    rig.fail(5);
    let before = format!("{:?}", rig.breaker);
    assert_eq!(rig.observe(late[0], FAILED), None);
    assert_eq!(rig.observe(late[1], Seen::Success), None);
    assert_eq!(rig.breaker.committed(late[2]), None);
    assert_eq!(format!("{:?}", rig.breaker), before);
    // Not even after it has closed again.
    rig.probe(Seen::Success);
    let before = format!("{:?}", rig.breaker);
    assert_eq!(rig.observe(late[3], FAILED), None);
    assert_eq!(format!("{:?}", rig.breaker), before);
}

#[test]
fn a_probes_first_output_closes_it() {
    let mut rig = Rig::open();
    rig.clock.advance(seconds(5));
    let probe = rig.admit();
    assert!(matches!(rig.breaker.committed(probe), Some(Change::Closed { .. })));
    assert_eq!(rig.state(), State::Closed);
    assert_eq!(rig.observe(probe, Seen::Success), None);
    assert_eq!(rig.breaker.counts(rig.now()).total(), 1, "it is counted once, at its end");
}

#[test]
fn a_host_that_begins_answers_and_breaks_them_off_has_not_recovered() {
    let mut rig = Rig::open();
    let mut periods = Vec::new();
    for _ in 0..3 {
        let State::Open { until } = rig.state() else { panic!() };
        rig.clock.set(until);
        for _ in 0..5 {
            let pass = rig.admit();
            rig.breaker.committed(pass);
            rig.observe(pass, Seen::Failure("stream_truncated"));
        }
        periods.push(rig.blocked().as_secs());
    }
    assert_eq!(periods, [10, 20, 40]);
    // One whole answer proves it, and the next outage begins anew.
    rig.probe(Seen::Success);
    rig.fail(5);
    assert_eq!(rig.blocked().as_secs(), 5);
}

#[test]
fn what_was_before_an_opening_does_not_count_after_it() {
    let mut rig = Rig::open();
    rig.probe(Seen::Success);
    for _ in 0..4 {
        assert_eq!(rig.request(FAILED), None);
    }
}

#[test]
fn an_outage_teaches_the_middle_between_the_last_failure_and_the_success() {
    let recovery = |change| match change {
        Some(Change::Closed { recovery, .. }) => recovery,
        other => panic!("{other:?}"),
    };
    let mut rig = Rig::open();
    assert_eq!(recovery(rig.probe(Seen::Success)), Some(millis(2500)));
    let mut rig = Rig::open();
    rig.probe(FAILED);
    assert_eq!(recovery(rig.probe(Seen::Success)), Some(seconds(10)));
    // Nobody asked for an hour: it may have been well for most of it.
    let mut rig = Rig::open();
    rig.clock.advance(seconds(3600));
    assert_eq!(recovery(rig.request(Seen::Success)), None);
}

#[test]
fn in_panic_a_success_closes_it_and_a_failure_changes_nothing() {
    let mut rig = Rig::open();
    rig.clock.advance(seconds(1));
    let pass = rig.breaker.admit_in_panic(rig.now());
    assert!(!pass.is_probe());
    let before = format!("{:?}", rig.breaker);
    assert_eq!(rig.observe(pass, FAILED), None);
    assert_eq!(format!("{:?}", rig.breaker), before);
    let pass = rig.breaker.admit_in_panic(rig.now());
    assert!(matches!(rig.observe(pass, Seen::Success), Some(Change::Closed { .. })));
    // Where it is not open, panic admits as ever.
    let mut rig = Rig::open();
    rig.clock.advance(seconds(5));
    assert!(rig.breaker.admit_in_panic(rig.now()).is_probe());
}

#[test]
fn tripping_opens_and_never_shortens() {
    let mut rig = Rig::new();
    let pass = rig.admit();
    let opened = rig.breaker.trip("gateway_5xx", rig.now(), &PLAIN);
    assert!(matches!(opened, Change::Opened { by: OpenedBy::Together, .. }), "{opened:?}");
    assert_eq!(rig.blocked().as_secs(), 5);
    assert_eq!(rig.observe(pass, Seen::Success), None);
    rig.clock.advance(seconds(2));
    rig.breaker.trip("gateway_5xx", rig.now(), &PLAIN);
    assert_eq!(rig.blocked().as_secs(), 5, "the period, not doubled: nothing was asked meanwhile");
    rig.breaker.trip("gateway_5xx", rig.now(), &World { jitter: 0.0, ..PLAIN });
    assert_eq!(rig.blocked().as_secs(), 5);
    rig.clock.advance(seconds(5));
    rig.breaker.trip("gateway_5xx", rig.now(), &PLAIN);
    assert_eq!(rig.blocked().as_secs(), 10);
}

#[test]
fn an_operator_may_bring_the_probe_forward_only() {
    let mut rig = Rig::open();
    rig.breaker.half_open_at(rig.now() + seconds(60));
    assert_eq!(rig.blocked().as_secs(), 5);
    rig.breaker.half_open_at(rig.now() + seconds(1));
    assert_eq!(rig.blocked().as_secs(), 1);
    rig.breaker.half_open_at(rig.now());
    assert!(rig.admit().is_probe());
    let mut closed = Rig::new();
    closed.breaker.half_open_at(closed.now());
    assert_eq!(closed.state(), State::Closed);
}

#[test]
fn a_breaker_is_small() {
    assert!(size_of::<Breaker>() <= 320, "{}", size_of::<Breaker>());
}

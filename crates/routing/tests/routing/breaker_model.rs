//! The circuit breaker over random histories, against a model that remembers everything and
//! is in no hurry.

use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use relay_routing::breaker::{Breaker, BreakerSettings, OpenedBy, Pass, Refused, Seen, State};
use relay_routing::siblings::may_open_by_rate;

use crate::breaker::{FAILED, PLAIN, World};
use crate::clock::{Clock, millis, seconds};

/// What a history is made of; passes are named by their place among those not yet reported.
#[derive(Clone, Copy, Debug)]
enum Step {
    Wait(u64),
    Admit,
    AdmitInPanic,
    Commit(usize),
    Report(usize, Seen),
    Trip,
    Clear(u64),
}

fn steps() -> impl Strategy<Value = Vec<(Step, World)>> {
    let seen = prop_oneof![
        4 => Just(FAILED),
        2 => Just(Seen::Success),
        1 => Just(Seen::Nothing),
    ];
    let step = prop_oneof![
        3 => (0..1500u64).prop_map(Step::Wait),
        1 => (1500..30_000u64).prop_map(Step::Wait),
        8 => Just(Step::Admit),
        1 => Just(Step::AdmitInPanic),
        1 => any::<usize>().prop_map(Step::Commit),
        8 => (any::<usize>(), seen).prop_map(|(pass, seen)| Step::Report(pass, seen)),
    ];
    let step = prop_oneof![40 => step, 1 => Just(Step::Trip), 1 => (0..4000u64).prop_map(Step::Clear)];
    let world =
        (prop::option::of(0..20_000u64), any::<bool>(), 0.0..1.0f64).prop_map(|(learned, may_open_by_rate, jitter)| {
            World { learned: learned.map(millis), may_open_by_rate, jitter }
        });
    prop::collection::vec((step, world), 1..120)
}

fn small() -> BreakerSettings {
    BreakerSettings {
        consecutive_failures: 3,
        failure_percent: 50,
        minimum_requests: 6,
        window: seconds(10),
        first_open: seconds(1),
        longest_open: seconds(8),
        probe_limit: seconds(20),
    }
}

/// The same, written down as the spec says it: it keeps all results since the last change, and
/// counts them anew each time.
#[derive(Default)]
struct Model {
    results: Vec<(Instant, bool)>,
    first_result: Option<Instant>,
    openings: usize,
    open: Option<ModelOpen>,
    unproven: Option<Duration>,
}

struct ModelOpen {
    until: Instant,
    period: Duration,
    /// Number of the pass, and when it was given.
    probe: Option<(usize, Instant)>,
}

/// A pass as the model knows it.
#[derive(Clone, Copy)]
struct Held {
    number: usize,
    openings: usize,
    pass: Pass,
}

impl Model {
    fn is_blocked(&self, now: Instant) -> bool {
        self.open
            .as_ref()
            .is_some_and(|open| now < open.until || open.probe.is_some_and(|(_, at)| now < at + small().probe_limit))
    }

    fn admitted(&mut self, number: usize, now: Instant) {
        if let Some(open) = &mut self.open {
            open.probe = Some((number, now));
        }
    }

    fn open_for(&mut self, period: Duration, now: Instant, world: &World) {
        let until = now + period.mul_f64(0.8 + 0.4 * world.jitter);
        let until = self.open.as_ref().map_or(until, |open| open.until.max(until));
        self.open = Some(ModelOpen { until, period, probe: None });
        self.openings += 1;
        self.results.clear();
    }

    fn first_period(&self, world: &World) -> Duration {
        let learned = world.learned.map(|learned| learned.max(millis(250)));
        self.unproven.map_or(learned.unwrap_or(seconds(1)), |period| period * 2).min(seconds(8))
    }

    fn count(&mut self, ok: bool, now: Instant) {
        self.first_result.get_or_insert(now);
        self.results.push((now, ok));
    }

    fn in_window(&self, now: Instant) -> (usize, usize) {
        let first = self.first_result.unwrap_or(now);
        let bucket = |at: Instant| (at - first).as_secs();
        let young: Vec<bool> =
            self.results.iter().filter(|(at, _)| bucket(*at) + 10 > bucket(now)).map(|(_, ok)| *ok).collect();
        (young.iter().filter(|ok| !**ok).count(), young.len())
    }

    fn report(&mut self, held: Held, seen: Seen, now: Instant, world: &World) {
        if held.openings < self.openings {
            return;
        }
        let is_probe = |open: &ModelOpen| open.probe.is_some_and(|(number, _)| number == held.number);
        match (seen, &mut self.open) {
            (Seen::Success, _) => {
                if self.open.take().is_some() {
                    self.results.clear();
                }
                self.unproven = None;
                self.count(true, now);
            }
            (Seen::Nothing, Some(open)) if is_probe(open) => open.probe = None,
            (Seen::Failure(_), Some(open)) if is_probe(open) => {
                let period = (open.period * 2).min(seconds(8));
                self.open_for(period, now, world);
            }
            (Seen::Failure(_), None) => {
                self.count(false, now);
                let in_a_row = self.results.iter().rev().take_while(|(_, ok)| !ok).count();
                let (failed, all) = self.in_window(now);
                if in_a_row >= 3 || (all >= 6 && failed * 2 >= all && world.may_open_by_rate) {
                    self.open_for(self.first_period(world), now, world);
                }
            }
            _ => {}
        }
    }

    fn commit(&mut self, held: Held) {
        if held.openings == self.openings
            && let Some(open) = self.open.take()
        {
            self.results.clear();
            self.unproven = Some(open.period);
        }
    }

    fn trip(&mut self, now: Instant, world: &World) {
        let period = match &self.open {
            None => self.first_period(world),
            Some(open) if now < open.until => open.period,
            Some(open) => (open.period * 2).min(seconds(8)),
        };
        self.open_for(period, now, world);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn it_does_what_the_model_does(history in steps()) {
        let mut clock = Clock::new();
        let mut breaker = Breaker::new(Arc::new(small()));
        let mut model = Model::default();
        let mut held: Vec<Held> = Vec::new();
        let mut given = 0;
        for (step, world) in history {
            let now = clock.now();
            let before = format!("{breaker:?}");
            let deadline = breaker.opening().map(|opening| opening.until);
            let late = |held: &Held| held.openings < model.openings;
            let mut ignored = false;
            match step {
                Step::Wait(time) => clock.advance(millis(time)),
                Step::Admit => {
                    let pass = breaker.admit(now);
                    prop_assert_eq!(pass.is_err(), model.is_blocked(now));
                    match pass {
                        Ok(pass) => {
                            prop_assert_eq!(pass.is_probe(), model.open.is_some());
                            given += 1;
                            model.admitted(given, now);
                            held.push(Held { number: given, openings: model.openings, pass });
                        }
                        Err(Refused { until }) => prop_assert!(until > now),
                    }
                }
                Step::AdmitInPanic => {
                    let pass = breaker.admit_in_panic(now);
                    given += 1;
                    if !model.is_blocked(now) {
                        model.admitted(given, now);
                    }
                    held.push(Held { number: given, openings: model.openings, pass });
                }
                Step::Commit(place) if !held.is_empty() => {
                    let held = held[place % held.len()];
                    ignored = late(&held);
                    breaker.committed(held.pass);
                    model.commit(held);
                }
                Step::Report(place, seen) if !held.is_empty() => {
                    let held = held.swap_remove(place % held.len());
                    ignored = late(&held);
                    breaker.observe(held.pass, seen, now, &world);
                    model.report(held, seen, now, &world);
                }
                Step::Commit(_) | Step::Report(..) => {}
                Step::Trip => {
                    breaker.trip("gateway_5xx", now, &world);
                    model.trip(now, &world);
                }
                Step::Clear(after) => {
                    breaker.half_open_at(now + millis(after));
                    if let Some(open) = &mut model.open {
                        open.until = open.until.min(now + millis(after));
                    }
                }
            }
            let now = clock.now();
            if ignored {
                prop_assert_eq!(&format!("{breaker:?}"), &before, "a late result changed something");
            }
            let until = breaker.opening().map(|opening| opening.until);
            prop_assert_eq!(until, model.open.as_ref().map(|open| open.until));
            prop_assert_eq!(breaker.blocked_until(now).is_some(), model.is_blocked(now));
            prop_assert_eq!(breaker.state(now) == State::Closed, model.open.is_none());
            if let (Some(was), Some(is)) = (deadline, until) {
                prop_assert!(is >= was || matches!(step, Step::Clear(_)), "a deadline moved back");
                // Whatever moved it was a failure just now.
                prop_assert!(is == was || is <= now + seconds(8).mul_f64(1.2));
            }
            if let (None, Some(is)) = (deadline, until) {
                prop_assert!(is <= now + seconds(8).mul_f64(1.2));
            }
            let counts = breaker.counts(now);
            prop_assert_eq!((counts.failed as usize, counts.total() as usize), model.in_window(now));
        }
    }

    #[test]
    fn never_two_probes_at_once(history in steps()) {
        let mut clock = Clock::new();
        let mut breaker = Breaker::new(Arc::new(small()));
        let mut held: Vec<Pass> = Vec::new();
        for (step, world) in history {
            let now = clock.now();
            match step {
                Step::Wait(time) => clock.advance(millis(time)),
                Step::Admit => held.extend(breaker.admit(now)),
                Step::AdmitInPanic => held.push(breaker.admit_in_panic(now)),
                Step::Report(place, seen) if !held.is_empty() => {
                    let pass = held.swap_remove(place % held.len());
                    breaker.observe(pass, seen, now, &world);
                    if breaker.state(now) == State::Closed {
                        // Probes that are still on their way are ordinary requests from now on.
                        held.retain(|pass| !pass.is_probe());
                    }
                }
                Step::Report(..) | Step::Commit(_) | Step::Trip | Step::Clear(_) => {}
            }
            let probes = held.iter().filter(|pass| pass.is_probe() && clock.now() < pass.at() + small().probe_limit);
            prop_assert!(probes.count() <= 1);
        }
    }
    #[test]
    fn at_most_half_of_a_models_routes_are_open_by_rate(
        routes in 1..7usize,
        history in prop::collection::vec((any::<prop::sample::Index>(), prop::bool::weighted(0.6), 0..400u64), 1..300),
    ) {
        let settings = Arc::new(BreakerSettings { consecutive_failures: u32::MAX, ..small() });
        let mut breakers = vec![Breaker::new(settings); routes];
        let by_rate = |breaker: &Breaker| breaker.opening().is_some_and(|opening| opening.by == OpenedBy::Rate);
        let mut clock = Clock::new();
        for (route, fails, wait) in history {
            clock.advance(millis(wait));
            let route = route.index(routes);
            let open = breakers.iter().filter(|breaker| by_rate(breaker)).count();
            let world = World { may_open_by_rate: may_open_by_rate(open, routes), ..PLAIN };
            let breaker = &mut breakers[route];
            if let Ok(pass) = breaker.admit(clock.now()) {
                breaker.observe(pass, if fails { FAILED } else { Seen::Success }, clock.now(), &world);
            }
            prop_assert!(breakers.iter().filter(|breaker| by_rate(breaker)).count() <= routes / 2);
        }
    }
}

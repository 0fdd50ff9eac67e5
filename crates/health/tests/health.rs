//! What attempts show, seen by plans, permits, operators and the next generation.

use std::sync::Arc;
use std::time::{Duration, Instant};

use relay_domain::{HostId, RouteId, Timestamp};
use relay_health::{BreakerSettings, Breakers, Cleared, CredentialId, FleetHealth, GenerationHealth, Selection};
use relay_routing::health::RouteHealth;
use relay_routing::{AnswerHead, Ending, HealthView, Outcome, RouteIndex, Snapshot, classify};

mod fleet;

const KEY: CredentialId = CredentialId(1);
const OTHER_KEY: CredentialId = CredentialId(2);

/// A fleet with its health, and a clock that stands still until it is moved.
struct World {
    health: FleetHealth,
    snapshot: Snapshot,
    generation: Arc<GenerationHealth>,
    now: Instant,
    wall: Timestamp,
}

impl World {
    fn new(models: usize, routes: usize, hosts: usize) -> Self {
        let now = Instant::now();
        let health = FleetHealth::new(BreakerSettings::default(), now);
        let snapshot = fleet::snapshot(models, routes, hosts);
        let generation = health.generation(&snapshot);
        Self { health, snapshot, generation, now, wall: Timestamp::UNIX_EPOCH }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.wall += time;
    }

    fn route(&self, id: &str) -> RouteIndex {
        self.snapshot.route_by_id(id).expect("is there")
    }

    /// One attempt that ends so; whether it was admitted.
    fn attempt(&self, route: &str, outcome: &Outcome) -> bool {
        let admitted = self.generation.admit(self.route(route), KEY, self.now);
        admitted.map(|permit| permit.ended(outcome, self.now)).is_ok()
    }

    fn fail(&self, route: &str, times: usize) {
        (0..times).for_each(|_| assert!(self.attempt(route, &status(503)), "{route}"));
    }

    fn is_available(&self, route: &str) -> bool {
        let view = self.generation.at(self.now, self.wall);
        view.route(self.snapshot.route(self.route(route)), self.wall) == RouteHealth::Available
    }

    fn breaker(&self, route: &str) -> &'static str {
        let report = self.health.report(self.now, self.wall);
        report.routes.iter().find(|report| report.route.as_str() == route).expect("is there").breaker.state
    }

    fn host_breaker(&self, host: &str) -> (&'static str, Option<&'static str>) {
        let report = self.health.report(self.now, self.wall);
        let host = report.hosts.iter().find(|report| report.host.as_str() == host).expect("is there");
        (host.breaker.state, host.breaker.opened_by)
    }
}

fn status(status: u16) -> Outcome {
    classify(&Ending::Answer(AnswerHead { status, content_type: "", wait: None, body_head: Some(b"{}") }))
}

fn limited(seconds: u64) -> Outcome {
    Outcome { wait: Some(Duration::from_secs(seconds)), ..status(429) }
}

#[test]
fn a_route_that_fails_is_left_alone_and_one_request_tries_it_again() {
    let mut world = World::new(1, 2, 2);
    world.fail("m0-r0", 5);
    assert!(!world.is_available("m0-r0") && world.is_available("m0-r1"));
    assert!(!world.attempt("m0-r0", &Outcome::ANSWERED), "nobody gets a permit");
    world.pass(Duration::from_secs(6));
    assert!(world.is_available("m0-r0"), "it is half-open");
    let probe = world.generation.admit(world.route("m0-r0"), KEY, world.now).expect("is the probe");
    assert!(!world.is_available("m0-r0") && !world.attempt("m0-r0", &Outcome::ANSWERED), "one at a time");
    probe.answered(world.now);
    assert!(world.is_available("m0-r0") && world.breaker("m0-r0") == "closed");
}

#[test]
fn a_probe_whose_client_left_makes_room_for_the_next() {
    let mut world = World::new(1, 2, 2);
    world.fail("m0-r0", 5);
    world.pass(Duration::from_secs(6));
    drop(world.generation.admit(world.route("m0-r0"), KEY, world.now).expect("is the probe"));
    assert!(world.is_available("m0-r0") && world.breaker("m0-r0") == "half_open");
    assert!(world.attempt("m0-r0", &Outcome::ANSWERED));
    assert_eq!(world.breaker("m0-r0"), "closed");
}

#[test]
fn failed_connects_open_the_host_for_all_its_routes() {
    let world = World::new(2, 2, 2);
    let refused = classify(&Ending::Unreachable);
    for route in ["m0-r0", "m1-r0", "m0-r0", "m1-r0", "m0-r0"] {
        assert!(world.attempt(route, &refused));
    }
    assert_eq!(world.host_breaker("h0"), ("open", Some("consecutive")));
    assert!(!world.is_available("m0-r0") && !world.is_available("m1-r0") && world.is_available("m0-r1"));
    assert_eq!(world.breaker("m0-r0"), "closed", "the route itself has shown nothing");
}

#[test]
fn routes_of_one_host_that_fail_together_open_the_host() {
    let world = World::new(3, 2, 2);
    world.fail("m0-r0", 5);
    assert_eq!(world.host_breaker("h0").0, "closed", "one route alone convicts nobody");
    world.fail("m1-r0", 5);
    assert_eq!(world.host_breaker("h0"), ("open", Some("together")));
    assert!(!world.is_available("m2-r0"), "the third need not find out by itself");
    assert!(world.is_available("m2-r1"));
}

#[test]
fn one_route_that_serves_acquits_the_host() {
    let world = World::new(3, 2, 2);
    assert!(world.attempt("m2-r0", &Outcome::ANSWERED));
    world.fail("m0-r0", 5);
    world.fail("m1-r0", 5);
    assert_eq!(world.host_breaker("h0").0, "closed");
}

#[test]
fn a_limit_concerns_one_credential_on_one_route_exactly_as_long_as_was_said() {
    let mut world = World::new(2, 1, 1);
    assert!(world.attempt("m0-r0", &limited(17)));
    let cooling = |world: &World, route: &str, key| {
        world.generation.at(world.now, world.wall).cooling_until(world.route(route), key)
    };
    assert_eq!(cooling(&world, "m0-r0", KEY), Some(world.wall + Duration::from_secs(17)));
    assert_eq!(cooling(&world, "m0-r0", OTHER_KEY), None);
    assert_eq!(cooling(&world, "m1-r0", KEY), None);
    assert!(world.is_available("m0-r0"), "the route is well");
    assert!(world.attempt("m0-r0", &limited(5)));
    assert_eq!(cooling(&world, "m0-r0", KEY), Some(world.wall + Duration::from_secs(17)), "never sooner");
    world.pass(Duration::from_secs(17));
    assert_eq!(cooling(&world, "m0-r0", KEY), None);
}

#[test]
fn at_most_half_of_a_models_routes_open_by_their_rate() {
    let world = World::new(1, 4, 4);
    for number in 0..4 {
        let route = format!("m0-r{number}");
        for _ in 0..12 {
            world.attempt(&route, &Outcome::ANSWERED);
            world.attempt(&route, &status(500));
        }
    }
    let open = (0..4).filter(|number| !world.is_available(&format!("m0-r{number}"))).count();
    assert_eq!(open, 2);
}

#[test]
fn with_everything_open_one_request_a_second_goes_to_the_route_that_is_due_first() {
    let mut world = World::new(1, 2, 2);
    world.fail("m0-r0", 5);
    world.pass(Duration::from_secs(1));
    world.fail("m0-r1", 5);
    let routes = [(world.route("m0-r1"), KEY), (world.route("m0-r0"), KEY)];
    let (chosen, permit) = world.generation.admit_in_panic(&routes, world.now).expect("is let through");
    permit.ended(&status(503), world.now);
    let refused = world.generation.admit_in_panic(&routes, world.now).expect_err("was just let through");
    assert!(refused.until > world.now);
    let due = |world: &World, id: &str| {
        let report = world.health.report(world.now, world.wall);
        report.routes.iter().find(|report| report.route.as_str() == id).and_then(|report| report.breaker.until)
    };
    let first = if due(&world, "m0-r0") < due(&world, "m0-r1") { "m0-r0" } else { "m0-r1" };
    assert_eq!(chosen, world.route(first));
    world.pass(Duration::from_secs(1));
    let (chosen, permit) = world.generation.admit_in_panic(&routes, world.now).expect("a second later");
    permit.answered(world.now);
    assert!(world.generation.is_open_to(chosen, world.now), "it served, so it is closed");
}

#[test]
fn a_new_generation_knows_what_the_last_one_learned() {
    let mut world = World::new(1, 2, 2);
    world.fail("m0-r0", 5);
    let mut fleet = fleet::fleet(1, 2, 2);
    fleet.routes[0].weight = 7;
    world.snapshot = Snapshot::build(&fleet);
    world.generation = world.health.generation(&world.snapshot);
    assert!(!world.is_available("m0-r0"));
    // Another host behind the same id is another route.
    fleet.routes[0].host = HostId::new("h1").expect("is an id");
    world.snapshot = Snapshot::build(&fleet);
    world.generation = world.health.generation(&world.snapshot);
    assert!(world.is_available("m0-r0"));
    assert_eq!(world.health.report(world.now, world.wall).hosts.len(), 1, "a host without routes is forgotten");
}

#[test]
fn a_permit_of_an_old_generation_still_counts() {
    let mut world = World::new(1, 2, 2);
    let permits: Vec<_> =
        (0..5).map(|_| world.generation.admit(world.route("m0-r0"), KEY, world.now).expect("is admitted")).collect();
    world.generation = world.health.generation(&world.snapshot);
    for permit in permits {
        permit.ended(&status(503), world.now);
    }
    assert!(!world.is_available("m0-r0"));
}

#[test]
fn an_operator_clears_one_or_all_of_them_spread_over_time() {
    let mut world = World::new(2, 3, 3);
    let left_alone = ["m0-r0", "m0-r1", "m1-r1"];
    for route in ["m0-r0", "m0-r1"] {
        world.fail(route, 5);
    }
    assert!(world.attempt("m1-r1", &limited(600)));
    let one = Selection { route: RouteId::new("m0-r0").ok(), ..Selection::default() };
    assert_eq!(world.health.clear(&one, world.now).routes.len(), 1);
    assert!(world.is_available("m0-r0") && world.breaker("m0-r0") == "half_open");
    world.fail("m0-r0", 1);
    let Cleared { routes, hosts } = world.health.clear(&Selection::default(), world.now);
    assert_eq!((routes.len(), hosts.len()), (left_alone.len(), 0));
    let ready = |world: &World| {
        left_alone
            .iter()
            .filter(|route| {
                world.is_available(route)
                    && world.generation.at(world.now, world.wall).cooling_until(world.route(route), KEY).is_none()
            })
            .count()
    };
    assert_eq!(ready(&world), 1, "the others follow");
    world.pass(Duration::from_secs(1));
    assert_eq!(ready(&world), 3);
}

#[test]
fn a_host_that_bans_our_address_is_left_alone_with_all_its_routes() {
    let mut world = World::new(2, 2, 2);
    let body = br#"{"code":"INVALID_AUTH_RATE_LIMITED","message":"x"}"#;
    let banned = classify(&Ending::Answer(AnswerHead {
        status: 429,
        content_type: "application/json",
        wait: None,
        body_head: Some(body),
    }));
    assert!(world.attempt("m0-r0", &banned));
    assert!(!world.is_available("m1-r0") && world.is_available("m1-r1"));
    assert!(!world.attempt("m1-r0", &Outcome::ANSWERED), "no permit either");
    let report = world.health.report(world.now, world.wall);
    assert_eq!(report.hosts[0].address_banned.expect("is told").reason, "address_banned");
    world.pass(Duration::from_mins(1));
    assert!(world.is_available("m1-r0"));
}

#[test]
fn flags_stand_until_an_attempt_succeeds() {
    let world = World::new(1, 1, 1);
    let flags = |world: &World| -> Vec<&str> {
        world.health.report(world.now, world.wall).routes[0].flags.iter().map(|flag| flag.flag).collect()
    };
    assert!(world.attempt("m0-r0", &status(405)));
    assert!(world.attempt("m0-r0", &classify(&Ending::Redirect(302))));
    assert_eq!(flags(&world), ["misconfigured", "drift"]);
    assert!(world.attempt("m0-r0", &Outcome::ANSWERED));
    assert_eq!(flags(&world), [""; 0]);
}

#[test]
fn the_report_says_how_a_route_has_been_doing() {
    let mut world = World::new(1, 1, 1);
    for millis in [100, 200, 300] {
        let permit = world.generation.admit(world.route("m0-r0"), KEY, world.now).expect("is admitted");
        world.pass(Duration::from_millis(millis));
        permit.answered(world.now);
    }
    world.fail("m0-r0", 1);
    let report = &world.health.report(world.now, world.wall).routes[0];
    assert_eq!((report.succeeded, report.failed), (3, 1));
    let p50 = report.ttft_p50.expect("is known").as_millis();
    assert!((170..240).contains(&p50), "{p50}");
    assert_eq!(report.last_used, Some(world.wall));
}

#[test]
fn a_tally_counts_each_hosts_routes_by_how_they_are() {
    let world = World::new(2, 3, 3);
    world.fail("m0-r0", 5);
    assert!(world.attempt("m1-r0", &limited(60)));
    assert!(world.attempt("m0-r1", &classify(&Ending::Redirect(302))));
    let tallies = world.health.tally(world.now);
    let tally = |host: &str| tallies[&HostId::new(host).expect("is an id")].clone();
    assert_eq!(tallies.len(), 3);
    assert_eq!(tally("h0").routes, Breakers { closed: 1, open: 1, half_open: 0 });
    assert_eq!(tally("h0").breaker, Breakers { closed: 1, ..Breakers::default() });
    assert_eq!(tally("h0").cooling.into_iter().collect::<Vec<_>>(), [("rate_limited", 1)]);
    assert_eq!((tally("h1").drifting, tally("h2").drifting), (1, 0));
    assert_eq!(tally("h2").routes, Breakers { closed: 2, ..Breakers::default() });
}

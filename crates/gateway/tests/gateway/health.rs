//! What the relay learns of its hosts, and how it leaves and returns (spec §5).

use std::time::Duration;

use relay_domain::{Clock as _, Scope};
use relay_gateway::GatewayOptions;
use relay_testkit::{Cut, Gate, PATIENCE, Reply, errors};
use tokio::task::JoinHandle;

use crate::client::Answer;
use crate::rig::{Rig, Setup, patiently};

/// Long enough that no test waits for it, short enough to be shown.
const LONG: Duration = Duration::from_mins(1);
/// An open period that passes while a test asks again and again.
const SHORT: Duration = Duration::from_millis(30);

/// Hosts in tiers, and no stickiness: every request begins at the first.
fn hosts(count: usize) -> Setup {
    Setup::hosts(count).scope(Scope::None)
}

/// Two hosts; the first fails until it is told otherwise.
async fn failing_first(reply: Reply, first_open: Duration) -> Rig {
    let rig = hosts(2).breaker(|settings| settings.first_open = first_open).start().await;
    rig.hosts[0].default_reply(reply);
    rig
}

async fn ask(rig: &Rig, times: usize) {
    for _ in 0..times {
        let mut answer = rig.stream("x").send().await;
        assert!(answer.text().await.contains("host-2"));
    }
}

#[tokio::test]
async fn a_route_that_keeps_failing_is_left_alone() {
    for reply in [Reply::empty(503), Reply::stream().error_in_band(errors::UPSTREAM_FAILED), Reply::html()] {
        let rig = failing_first(reply, LONG).await;
        ask(&rig, 8).await;
        assert_eq!(rig.calls(), [5, 8], "after five failures it is not asked any more");
        let health = rig.route_health("route-1");
        assert_eq!((health.breaker.state, health.failed, health.succeeded), ("open", 5, 0));
        assert_eq!(rig.route_health("route-2").succeeded, 8);
        let decision = rig.decisions().await.remove(0);
        let excluded: Vec<_> = decision.candidates.iter().filter(|candidate| candidate.verdict == "excluded").collect();
        assert_eq!(excluded.len(), 1);
        assert!(excluded[0].reason.as_deref().is_some_and(|reason| reason.contains("cooling down")), "{excluded:?}");
    }
}

#[tokio::test]
async fn a_host_that_is_down_is_left_alone_and_asked_again_in_time() {
    let rig = hosts(2).breaker(|settings| settings.first_open = SHORT).start().await;
    rig.hosts[0].kill().await;
    ask(&rig, 6).await;
    assert_eq!(rig.host_health("host-1").breaker.class, Some("transport_error"));
    rig.hosts[0].revive().await;
    let returned = async { while !rig.say("x").send().await.text().await.contains("host-1") {} };
    patiently("the host to be asked again", returned).await;
    assert_eq!(rig.host_health("host-1").breaker.state, "closed");
}

#[tokio::test]
async fn a_half_open_route_gets_one_request_and_the_others_go_elsewhere() {
    let rig = failing_first(Reply::empty(503), SHORT).await;
    ask(&rig, 5).await;
    let gate = Gate::new();
    rig.hosts[0].default_reply(Reply::echo().hold(&gate));
    let probe = async {
        let asking = loop {
            let mut asking = rig.say("probe").spawn();
            tokio::select! {
                () = gate.reached() => break asking,
                answer = &mut asking => assert!(answer.expect("answers").text().await.contains("host-2")),
            }
        };
        (asking,)
    };
    let (probe,) = patiently("the probe", probe).await;
    ask(&rig, 5).await;
    assert_eq!(rig.calls()[0], 6, "no other request goes there while the probe runs");
    gate.open();
    assert!(probe.await.expect("answers").text().await.contains("host-1"));
    assert!(rig.say("x").send().await.text().await.contains("host-1"));
}

#[tokio::test]
async fn streams_that_break_after_their_commit_count_as_much_as_a_5xx() {
    let rig = failing_first(Reply::chat("one two three").truncate_after(3, Cut::Reset), LONG).await;
    for _ in 0..5 {
        let stream = rig.stream("x").send().await.text().await;
        assert!(stream.contains("stream_interrupted"), "{stream}");
    }
    assert_eq!(rig.route_health("route-1").breaker.class, Some("stream_truncated"));
    ask(&rig, 1).await;
}

#[tokio::test]
async fn a_client_that_leaves_says_nothing_of_the_route() {
    let rig = hosts(2).start().await;
    for number in 0..8 {
        let gate = Gate::new();
        rig.hosts[0].script(Reply::echo().hold(&gate));
        let asking = rig.say("x").spawn();
        gate.reached().await;
        asking.abort();
        rig.hosts[0].wait_disconnected(number).await;
    }
    let health = rig.route_health("route-1");
    assert_eq!((health.breaker.state, health.failed), ("closed", 0));
}

#[tokio::test]
async fn what_is_the_clients_own_fault_says_nothing_of_the_route() {
    let rig = hosts(2).start().await;
    rig.hosts[0].default_reply(Reply::error(errors::CONTEXT_LENGTH_EXCEEDED));
    for _ in 0..8 {
        assert_eq!(rig.say("x").send().await.status, 400);
    }
    assert_eq!((rig.calls(), rig.route_health("route-1").breaker.state), (vec![8, 0], "closed"));
}

#[tokio::test]
async fn a_limited_key_is_left_alone_exactly_as_long_as_the_host_says() {
    let rig = hosts(2).start().await;
    rig.hosts[0].default_reply(Reply::empty(429).header("retry-after", "40"));
    ask(&rig, 3).await;
    assert_eq!(rig.calls(), [1, 3]);
    let health = rig.route_health("route-1");
    assert_eq!(health.breaker.state, "closed", "the route is well");
    let (_, cooling) = health.credentials[0];
    assert_eq!(cooling.reason, "rate_limited");
    let seconds = cooling.until.duration_since(rig.clock.now()).as_secs_f64();
    assert!((38.0..=40.0).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn with_every_key_limited_the_client_hears_the_smallest_wait() {
    let rig = hosts(2).start().await;
    rig.hosts[0].default_reply(Reply::empty(429).header("retry-after", "40"));
    rig.hosts[1].default_reply(Reply::empty(429).header("retry-after", "20"));
    let mut answer = rig.say("x").send().await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("20")));
    assert_eq!(answer.error_code().await, "upstream_rate_limited");
    let mut answer = rig.say("x").send().await;
    let wait: u64 = answer.header("retry-after").expect("has one").parse().expect("is a number");
    assert!((18..=20).contains(&wait), "{wait}");
    assert_eq!((answer.status, answer.error_code().await.as_str()), (503, "no_eligible_route"));
    assert_eq!(rig.calls(), [1, 1], "nobody is asked who said when to come back");
}

#[tokio::test]
async fn with_everything_open_one_request_a_second_goes_out_and_the_others_are_told_to_wait() {
    let rig = hosts(2).breaker(|settings| settings.first_open = LONG).start().await;
    for host in &rig.hosts {
        host.default_reply(Reply::empty(503));
    }
    for id in ["route-1", "route-2"] {
        rig.break_route(id);
    }
    let first = rig.say("x").id("panic").send().await;
    assert_eq!(first.status, 502, "it was tried, and heard what the host said");
    let mut second = rig.say("x").send().await;
    let wait: u64 = second.header("retry-after").expect("has one").parse().expect("is a number");
    assert!((1..=73).contains(&wait), "{wait}");
    assert_eq!((second.status, second.error_code().await.as_str()), (503, "no_eligible_route"));
    assert_eq!(rig.calls().iter().sum::<usize>(), 1);
    let decision = rig.decision("panic").await;
    assert!(decision.panic && decision.attempts.len() == 1);
}

#[tokio::test]
async fn a_request_in_panic_that_succeeds_closes_the_route() {
    let rig = Setup::hosts(1).breaker(|settings| settings.first_open = LONG).start().await;
    rig.break_route("route-1");
    let mut answer = rig.say("x").conversation("c").id("r-1").send().await;
    assert!(answer.text().await.contains("host-1"));
    assert!(rig.decision("r-1").await.panic);
    assert_eq!((rig.route_health("route-1").breaker.state, rig.bound_route().await.as_str()), ("closed", "route-1"));
    assert_eq!(rig.say("x").send().await.status, 200);
}

/// The second host holds three retries, which is all that the budget has.
async fn all_retries_taken(attempts_budget: Duration) -> (Rig, Gate, Vec<JoinHandle<Answer>>) {
    let options = |options: &mut GatewayOptions| {
        (options.retry_percent, options.attempts_budget) = (0, attempts_budget);
    };
    let rig = hosts(2).forgiving().options(options).start().await;
    rig.hosts[0].default_reply(Reply::empty(500));
    let gate = Gate::new();
    rig.hosts[1].default_reply(Reply::echo().hold(&gate));
    let mut retrying = Vec::new();
    for number in 1..=3 {
        retrying.push(rig.say("x").spawn());
        gate.reached_by(number).await;
    }
    (rig, gate, retrying)
}

#[tokio::test]
async fn retries_stay_within_the_budget_of_the_process() {
    let (rig, gate, retrying) = all_retries_taken(Duration::from_millis(300)).await;
    let mut refused = rig.say("x").id("r-1").send().await;
    assert_eq!((refused.status, refused.error_code().await.as_str()), (502, "upstream_error"));
    assert_eq!((rig.calls()[1], rig.decision("r-1").await.attempts.len()), (3, 1));
    gate.open();
    for asking in retrying {
        assert_eq!(asking.await.expect("answers").status, 200);
    }
    assert_eq!(rig.say("x").send().await.status, 200, "places come back");
}

#[tokio::test]
async fn a_retry_waits_for_its_place_in_the_budget() {
    let (rig, gate, retrying) = all_retries_taken(PATIENCE).await;
    let waiting: Vec<_> = (0..10).map(|_| rig.say("x").spawn()).collect();
    rig.hosts[0].wait_received(13).await;
    assert_eq!(rig.calls()[1], 3);
    gate.open();
    for asking in retrying.into_iter().chain(waiting) {
        assert_eq!(asking.await.expect("answers").status, 200);
    }
}

#[tokio::test]
async fn a_client_that_waits_for_a_retry_and_leaves_takes_no_place() {
    let (rig, gate, retrying) = all_retries_taken(PATIENCE).await;
    let leaving = rig.say("x").id("r-1").spawn();
    rig.hosts[0].wait_ended(3).await;
    leaving.abort();
    let decision = rig.decision("r-1").await;
    assert_eq!((decision.verdict.as_str(), decision.attempts.len()), ("client_gone", 1));
    assert!(!decision.possible_double_bill);
    gate.open();
    for asking in retrying {
        assert_eq!(asking.await.expect("answers").status, 200);
    }
    assert_eq!(rig.calls(), [4, 3]);
}

#[tokio::test]
async fn a_route_that_leads_nowhere_is_flagged() {
    let rig = hosts(2).start().await;
    rig.hosts[0].script(Reply::empty(302).header("location", "http://127.0.0.1:9/"));
    ask(&rig, 1).await;
    assert_eq!(rig.route_health("route-1").flags[0].flag, "misconfigured");
    rig.hosts[0].script(Reply::error(errors::MODEL_NOT_FOUND));
    ask(&rig, 1).await;
    let flags: Vec<_> = rig.route_health("route-1").flags.iter().map(|flag| flag.flag).collect();
    assert_eq!(flags, ["misconfigured", "drift"]);
    assert!(rig.say("x").send().await.text().await.contains("host-1"));
    assert!(rig.route_health("route-1").flags.is_empty());
}

#[tokio::test]
async fn a_new_fleet_keeps_what_is_known_of_its_routes() {
    let mut rig = failing_first(Reply::empty(503), LONG).await;
    ask(&rig, 5).await;
    rig.publish(|fleet| fleet.routes[1].weight = 50);
    ask(&rig, 2).await;
    assert_eq!(rig.calls(), [5, 7]);
}

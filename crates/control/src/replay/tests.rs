//! Replays of made-up traffic: what must follow from a change, whatever the traffic.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use relay_domain::{Fleet, HostId, KeyHash, Secret, Timestamp};
use relay_ledger::{Passage, PassageEnd};
use relay_pricing::PriceTable;
use relay_routing::Snapshot;

use super::*;
use crate::fleet_document::{FleetDocument, Reading, read};

const FLEET: &str = r#"
[[host]]
host_id = "osaka"
kind = "openai"
base_url = "https://osaka.example"
gateway_key = "sk-osaka"
[[host]]
host_id = "tokyo"
kind = "openai"
base_url = "https://tokyo.example"
gateway_key = "sk-tokyo"
[[host]]
host_id = "kyoto"
kind = "openai"
base_url = "https://kyoto.example"
gateway_key = "sk-kyoto"
[[group]]
logical_group_id = "gpt"
[[route]]
route_id = "gpt-tokyo"
logical_group_id = "gpt"
public_model = "gpt-5"
shadow_host_id = "tokyo"
shadow_group_id = "7"
weight = 60
[[route]]
route_id = "gpt-osaka"
logical_group_id = "gpt"
public_model = "gpt-5"
shadow_host_id = "osaka"
shadow_group_id = "pool"
weight = 40
cost = { multiplier = "0.5" }
[[route]]
route_id = "gpt-kyoto"
logical_group_id = "gpt"
public_model = "gpt-5"
shadow_host_id = "kyoto"
priority = 2
[[key]]
key_id = "team-a"
secret = "rk-team-a-0123456789"
logical_groups = ["gpt"]
"#;

const CONVERSATIONS: u64 = 200;
const TURNS: u64 = 5;

fn fleet(text: &str) -> Fleet {
    let document = FleetDocument::from_toml(text).expect("TOML");
    let reading = Reading {
        current: &Fleet::default(),
        resolver: &crate::fleet_document::NoSecrets,
        hash_key: &|secret: &Secret| KeyHash([secret.expose().len() as u8; 32]),
        generate_key: &|| Secret::new("sk-relay-generated"),
        now: start(),
    };
    read(&document, &reading).unwrap_or_else(|faults| panic!("{faults}")).fleet
}

fn world(text: &str) -> World {
    World::well(Arc::new(Snapshot::build(&fleet(text))))
}

/// The fleet with one text in place of another, which must be there.
fn changed(old: &str, new: &str) -> String {
    assert!(FLEET.contains(old), "{old}");
    FLEET.replacen(old, new, 1)
}

fn start() -> Timestamp {
    "2026-11-26T12:00:00Z".parse().expect("a time")
}

fn at(seconds: u64) -> Timestamp {
    start() + SignedDuration::from_secs(seconds.cast_signed())
}

/// A request as the log has it: what was planned then is the `route`'s.
#[derive(Clone, Debug)]
struct Request {
    at: Timestamp,
    sticky_key: Option<String>,
    seed: u64,
    hit: bool,
    route: Option<(&'static str, &'static str)>,
    model: &'static str,
    surface: &'static str,
    latency: Duration,
}

fn scattered(of: u64) -> u64 {
    let mut mixed = of.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

fn key(conversation: u64) -> String {
    format!("{:016x}{:016x}", scattered(conversation), scattered(!conversation))
}

/// Conversations with their turns, a minute apart, and as many requests without one.
fn traffic() -> Vec<Request> {
    let request = |turn: u64, number: u64| Request {
        at: at(turn * 60) + SignedDuration::from_millis((number * 100).cast_signed()),
        sticky_key: Some(key(number)),
        seed: scattered(turn * 1_000 + number) | 1,
        hit: turn > 0,
        route: None,
        model: "gpt-5",
        surface: "chat_completions",
        latency: Duration::from_millis(500),
    };
    (0..TURNS)
        .flat_map(|turn| (0..CONVERSATIONS).map(move |number| request(turn, number)))
        .flat_map(|request| [request.clone(), Request { sticky_key: None, hit: false, ..request }])
        .collect()
}

struct Told {
    report: BlastRadius,
}

impl Told {
    fn requests(&self, host: &str) -> (u64, u64) {
        let found = self.report.hosts.iter().find(|line| line.host_id == host);
        found.map_or((0, 0), |line| (line.requests.before, line.requests.after))
    }

    fn flow(&self, from: Option<&str>, to: Option<&str>) -> u64 {
        let is = |flow: &&Flow| flow.from.as_deref() == from && flow.to.as_deref() == to;
        self.report.flows.iter().filter(is).map(|flow| flow.requests).sum()
    }
}

fn replay(before: &World, after: &World, requests: &[Request], capacities: &[Capacity]) -> Told {
    let prices =
        PriceTable::with_own("[[price]]\nmodel = \"gpt-5\"\ninput = \"1\"\ncached_input = \"0.1\"\noutput = \"10\"\n")
            .expect("a table");
    let end = requests.last().map_or(start(), |last| last.at + SignedDuration::from_secs(1));
    let mut replay = Replay::new([before, after], &prices, capacities, end);
    for (seq, request) in requests.iter().enumerate() {
        pass(&mut replay, seq as u64, request);
    }
    Told { report: replay.finish(covered(end)) }
}

fn covered(to: Timestamp) -> Covered {
    Covered { from: start(), to, decisions: 0, truncated: None, not_planned: 0, seen: None }
}

fn pass(replay: &mut Replay<'_>, seq: u64, request: &Request) {
    replay.pass(&Passage {
        seq,
        at: request.at,
        surface: request.surface,
        consumer: Some("team-a"),
        logical_group_id: "gpt",
        public_model: request.model,
        sticky_key: request.sticky_key.as_deref(),
        sticky_hit: request.hit,
        planned_route_id: request.route.map(|(route, _)| route),
        planned_host_id: request.route.map(|(_, host)| host),
        seed: request.seed,
        end: Some(PassageEnd {
            route_id: None,
            host_id: None,
            shadow_model: None,
            latency_us: request.latency.as_micros() as u64,
            first_output_us: Some(1_000),
            input: Some(1_000),
            cached_input: Some(500),
            cache_write: None,
            output: Some(100),
        }),
    });
}

fn compare(text: &str) -> Told {
    replay(&world(FLEET), &world(text), &traffic(), &[])
}

#[test]
fn an_unchanged_fleet_moves_nothing() {
    let told = compare(FLEET);
    assert_eq!(told.report.traffic.requests, 2 * CONVERSATIONS * TURNS);
    assert_eq!((told.report.traffic.moved, told.report.traffic.moved_share), (0, 0.0));
    assert_eq!((told.report.flows.as_slice(), told.report.refused.as_slice()), (&[][..], &[][..]));
    assert_eq!((told.report.conversations.bound, told.report.conversations.broken), (CONVERSATIONS, 0));
    assert_eq!(told.report.cost.change_nanos, 0);
    assert_eq!(told.report.cost.change_share, Some(0.0));
    for line in &told.report.hosts {
        assert_eq!((line.requests.before, line.share.before), (line.requests.after, line.share.after));
    }
}

#[test]
fn the_same_traffic_and_fleets_give_the_same_bytes() {
    let text = |told: Told| serde_json::to_string(&told.report).expect("JSON");
    let proposed = changed("weight = 60", "weight = 10");
    assert_eq!(text(compare(&proposed)), text(compare(&proposed)));
    // The order in which the fleet is written down counts for nothing.
    let (head, rest) = proposed.split_once("[[host]]\nhost_id = \"tokyo\"").expect("there");
    let (tokyo, rest) = rest.split_once("[[host]]").expect("there");
    let reordered = format!("{head}[[host]]{rest}\n[[host]]\nhost_id = \"tokyo\"{tokyo}");
    assert_eq!(text(compare(&proposed)), text(compare(&reordered)));
}

#[test]
fn removing_a_host_moves_exactly_its_share() {
    let disabled = changed("host_id = \"tokyo\"", "host_id = \"tokyo\"\nenabled = false");
    let told = compare(&disabled);
    let (before, after) = told.requests("tokyo");
    assert!(before > 900 && after == 0, "{before} {after}");
    assert_eq!(told.report.traffic.moved, before, "nothing else moves");
    assert_eq!(told.flow(Some("tokyo"), Some("osaka")), before, "kyoto is a tier below");
    let tokyo = told.report.conversations.hosts.iter().find(|line| line.host_id == "tokyo").expect("has some");
    assert_eq!((tokyo.bound, tokyo.reasons[0].reason.as_str()), (tokyo.broken, "host_disabled"));
    let osaka = told.report.conversations.hosts.iter().find(|line| line.host_id == "osaka").expect("has some");
    assert_eq!(osaka.broken, 0);
    assert_eq!(told.report.traffic.unserved_after, 0);
}

#[test]
fn a_host_that_is_down_is_a_removed_one_with_another_name() {
    let before = world(FLEET);
    let troubles = Troubles { down: vec![HostId::new("tokyo").unwrap()], slow: Vec::new() };
    let after = World::troubled(Arc::clone(&before.snapshot), &troubles).unwrap();
    let down = replay(&before, &after, &traffic(), &[]);
    let removed = compare(&changed("host_id = \"tokyo\"", "host_id = \"tokyo\"\nenabled = false"));
    assert_eq!(down.report.hosts, removed.report.hosts);
    assert_eq!(down.report.flows, removed.report.flows);
    assert_eq!(down.report.conversations.broken, removed.report.conversations.broken);
    assert_eq!(down.report.conversations.hosts[1].reasons[0].reason, "host_down");
    let nobody = Troubles { down: vec![HostId::new("nara").unwrap()], slow: Vec::new() };
    assert!(World::troubled(Arc::clone(&before.snapshot), &nobody).is_err());
}

#[test]
fn a_new_weight_moves_only_the_difference() {
    let told = compare(&changed("weight = 60", "weight = 40"));
    let (before, after) = told.requests("tokyo");
    assert!(after < before);
    assert_eq!(told.flow(Some("tokyo"), Some("osaka")), before - after);
    assert_eq!(told.flow(Some("osaka"), Some("tokyo")), 0, "nobody moves the other way");
    assert_eq!(told.report.traffic.moved, before - after);
}

/// Traffic whose conversations were bound to tokyo before the window began.
fn bound_to_tokyo() -> Vec<Request> {
    let before = world(FLEET);
    let all: Vec<Request> = traffic().into_iter().filter(|request| request.sticky_key.is_some()).collect();
    let prices = PriceTable::default();
    let is_at_home = |request: &&Request| {
        let mut alone = Replay::new([&before, &before], &prices, &[], request.at);
        pass(&mut alone, 0, &Request { hit: false, ..(*request).clone() });
        let told = Told { report: alone.finish(covered(request.at)) };
        told.requests("tokyo").0 == 1
    };
    let first_turns = &all[..CONVERSATIONS as usize];
    let keys: BTreeSet<_> = first_turns.iter().filter(is_at_home).map(|request| request.sticky_key.clone()).collect();
    all.into_iter()
        .filter(|request| keys.contains(&request.sticky_key))
        .map(|request| Request { hit: true, route: Some(("gpt-tokyo", "tokyo")), ..request })
        .collect()
}

#[test]
fn a_drained_host_keeps_bound_conversations_and_takes_no_new_ones() {
    let drained = world(&changed("weight = 60", "weight = 0"));
    let bound = bound_to_tokyo();
    let told = replay(&world(FLEET), &drained, &bound, &[]);
    assert_eq!(told.report.traffic.moved, 0);
    assert_eq!((told.report.conversations.bound, told.report.conversations.broken), ((bound.len() as u64) / TURNS, 0));
    assert_eq!((told.report.fidelity.compared, told.report.fidelity.share), (bound.len() as u64, 1.0));
    // Those that are new within the window go elsewhere.
    let new = replay(&world(FLEET), &drained, &traffic(), &[]);
    assert_eq!(new.requests("tokyo").1, 0);
    // Yet whoever is bound when the drain begins stays.
    assert_eq!(new.report.conversations.broken, 0);
}

#[test]
fn a_binding_that_has_run_out_holds_nobody_any_more() {
    let drained = world(&changed("weight = 60", "weight = 0"));
    let mut requests = bound_to_tokyo();
    let count = requests.len();
    let later: Vec<Request> = requests
        .iter()
        .map(|request| Request { at: request.at + SignedDuration::from_hours(2), hit: false, ..request.clone() })
        .collect();
    requests.extend(later);
    let told = replay(&world(FLEET), &drained, &requests, &[]);
    assert_eq!(told.requests("tokyo"), (2 * count as u64, count as u64));
}

#[test]
fn a_removed_route_breaks_conversations_and_costs_their_prompt_caches() {
    let removed = changed("route_id = \"gpt-tokyo\"", "route_id = \"gpt-tokyo-2\"");
    let told = replay(&world(FLEET), &world(&removed), &bound_to_tokyo(), &[]);
    let conversations = &told.report.conversations;
    assert!(conversations.bound > 0);
    assert_eq!((conversations.broken, conversations.kept), (conversations.bound, 0));
    assert_eq!(conversations.hosts[0].reasons[0].reason, "route_removed");
    // 500 cached tokens of each at 0.9 a million less than others.
    assert_eq!(conversations.cache_lost_nanos, 450_000 * conversations.bound.cast_signed());
}

#[test]
fn what_nobody_would_serve_is_told_with_its_reason() {
    let told = compare(&changed("logical_groups = [\"gpt\"]", "logical_groups = [\"gpt\"]\nenabled = false"));
    assert_eq!(told.report.traffic.unserved_after, told.report.traffic.requests);
    let expected = Refused {
        logical_group_id: "gpt".to_owned(),
        public_model: "gpt-5".to_owned(),
        consumer: Some("team-a".to_owned()),
        reason: "key_disabled".to_owned(),
        requests: told.report.traffic.requests,
    };
    assert_eq!(told.report.refused, [expected]);
    let reason = |old: &str, new: &str| compare(&changed(old, new)).report.refused[0].reason.clone();
    assert_eq!(reason("key_id = \"team-a\"", "key_id = \"team-b\""), "key_removed");
    assert_eq!(
        reason("logical_groups = [\"gpt\"]", "logical_groups = [\"gpt\"]\nmodels = [\"o3\"]"),
        "model_not_allowed"
    );
    assert_eq!(
        reason("[[group]]\nlogical_group_id = \"gpt\"", "[[group]]\nlogical_group_id = \"gpt\"\nenabled = false"),
        "no_eligible_route"
    );
    let expired = "logical_groups = [\"gpt\"]\nexpires_at = 2026-11-26T12:01:00Z";
    assert_eq!(reason("logical_groups = [\"gpt\"]", expired), "key_expired");
}

#[test]
fn a_dearer_host_costs_what_it_takes() {
    let told = compare(&changed("weight = 60", "weight = 0"));
    // Each request: 500 at 1, 500 at 0.1, 100 output at 10 a million; osaka takes half.
    let each = 1_550_000;
    let (tokyo, _) = told.requests("tokyo");
    assert_eq!(told.report.cost.priced, told.report.traffic.requests);
    assert_eq!(told.report.cost.change_nanos, -(tokyo.cast_signed() * each / 2));
    assert!(told.report.cost.change_share.is_some_and(|share| share < -0.3));
}

#[test]
fn more_than_a_host_admits_is_told_for_the_group_that_its_routes_name() {
    let capacity = |host: &str, groups: &[&str], concurrency, rpm| Capacity {
        host_id: host.to_owned(),
        shadow_groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        concurrency,
        rpm,
        observed_at: start(),
    };
    // Ten requests a second of half a second each, all on osaka.
    let capacities = [
        capacity("osaka", &["12", "pool"], Some(8), Some(100)),
        capacity("osaka", &["13"], Some(1), Some(1)),
        capacity("tokyo", &["7"], Some(1), None),
    ];
    let told = replay(&world(FLEET), &world(&changed("weight = 60", "weight = 0")), &traffic(), &capacities);
    let over: Vec<_> = told
        .report
        .capacity
        .iter()
        .map(|over| (over.host_id.as_str(), over.shadow_group_id.as_str(), over.what.as_str(), over.peak.after))
        .collect();
    assert_eq!(over, [("osaka", "12", "concurrency", 10), ("osaka", "12", "rpm", 400)]);
}

#[test]
fn a_slow_host_delays_its_own_requests_and_some_beyond_the_time() {
    let before = world(FLEET);
    let slow = |seconds| {
        let troubles =
            Troubles { down: Vec::new(), slow: vec![(HostId::new("tokyo").unwrap(), Duration::from_secs(seconds))] };
        let after = World::troubled(Arc::clone(&before.snapshot), &troubles).unwrap();
        replay(&before, &after, &traffic(), &[]).report
    };
    let told = slow(2);
    assert_eq!(told.traffic.moved, 0);
    let tokyo = told.hosts.iter().find(|line| line.host_id == "tokyo").unwrap();
    assert_eq!((told.latency.delayed, told.latency.would_time_out), (tokyo.requests.after, 0));
    assert!(told.latency.p99_ms.after >= 2_500 && told.latency.p99_ms.before < 600, "{:?}", told.latency);
    assert!(tokyo.peak_concurrency.after > 3 * tokyo.peak_concurrency.before);
    assert_eq!(slow(300).latency.would_time_out, tokyo.requests.after);
}

#[test]
fn a_surface_that_the_bound_host_does_not_speak_is_planned_anew() {
    let mut requests = bound_to_tokyo();
    for request in requests.iter_mut().skip(1).step_by(2) {
        request.surface = "messages";
    }
    let told = replay(&world(FLEET), &world(FLEET), &requests, &[]);
    assert_eq!(told.report.traffic.unserved_after, requests.len() as u64 / 2);
}

#[test]
fn what_a_limit_refused_is_counted_apart() {
    let refused = Request { seed: 0, sticky_key: None, ..traffic()[0].clone() };
    let told = replay(&world(FLEET), &world(FLEET), &[refused], &[]);
    assert_eq!((told.report.covered.decisions, told.report.covered.not_planned), (1, 1));
    assert_eq!(told.report.traffic.requests, 0);
}

#[test]
fn conversations_are_forgotten_once_they_have_ended() {
    let fleet = world(FLEET);
    let prices = PriceTable::list();
    let mut replay = Replay::new([&fleet, &fleet], &prices, &[], start());
    for number in 0..2_000 {
        let sticky_key = key(number);
        replay.pass(&Passage {
            seq: number,
            at: at(number * 10),
            surface: "chat_completions",
            consumer: Some("team-a"),
            logical_group_id: "gpt",
            public_model: "gpt-5",
            sticky_key: Some(&sticky_key),
            sticky_hit: false,
            planned_route_id: None,
            planned_host_id: None,
            seed: 1,
            end: None,
        });
    }
    assert_eq!(replay.conversations.len(), 2_000);
    replay.forget(at(20_000));
    // An hour's worth of one each ten seconds.
    assert_eq!(replay.conversations.len(), 359);
}

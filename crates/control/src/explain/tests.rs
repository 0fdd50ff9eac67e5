//! What a decision is told as, and when planning it again finds the same.

use relay_domain::{Fleet, KeyHash, Secret, Timestamp};
use relay_ledger::{DecisionUsage, Passage};

use super::*;
use crate::fleet_document::{FleetDocument, NoSecrets, Reading, read};
use crate::replay::Lane;

const FLEET: &str = r#"
[[host]]
host_id = "tokyo"
kind = "openai"
base_url = "https://tokyo.example"
gateway_key = "sk-tokyo"
[[host]]
host_id = "osaka"
kind = "openai"
base_url = "https://osaka.example"
gateway_key = "sk-osaka"
[[group]]
logical_group_id = "gpt"
[[route]]
route_id = "gpt-tokyo"
logical_group_id = "gpt"
public_model = "gpt-5"
shadow_host_id = "tokyo"
[[route]]
route_id = "gpt-osaka"
logical_group_id = "gpt"
public_model = "gpt-5"
shadow_host_id = "osaka"
[[key]]
key_id = "team-a"
secret = "rk-team-a-0123456789"
logical_groups = ["gpt"]
"#;

fn snapshot(text: &str) -> Snapshot {
    let document = FleetDocument::from_toml(text).expect("TOML");
    let reading = Reading {
        current: &Fleet::default(),
        resolver: &NoSecrets,
        hash_key: &|_| KeyHash([1; 32]),
        generate_key: &|| Secret::new("sk-relay-generated"),
        now: now(),
    };
    let fleet = read(&document, &reading).unwrap_or_else(|faults| panic!("{faults}")).fleet;
    Snapshot::build(&Fleet { generation: 7, ..fleet })
}

fn now() -> Timestamp {
    "2026-11-26T12:00:00Z".parse().expect("a time")
}

/// A decision as the gateway would have recorded it: planned in this fleet, the candidates as they come.
fn decision(snapshot: &Snapshot) -> Decision {
    let mut decision = Decision {
        seq: 1,
        segment: "decisions-2026-11-26".to_owned(),
        writer: "w".to_owned(),
        at: now(),
        request_id: "r-1".to_owned(),
        client_request_id: None,
        upstream_request_id: None,
        generation: 7,
        surface: "chat_completions".to_owned(),
        consumer: Some("team-a".to_owned()),
        logical_group_id: "gpt".to_owned(),
        public_model: "gpt-5".to_owned(),
        scope: "conversation".to_owned(),
        sticky_key: Some("22cbc80a241b8ca2f4f90e9527197f70".to_owned()),
        sticky_type: Some("conversation".to_owned()),
        sticky_source: Some("header:session_id".to_owned()),
        sticky_hit: false,
        sticky_action: "bind".to_owned(),
        route_id: None,
        host_id: None,
        shadow_group_id: None,
        shadow_model: None,
        planned_route_id: None,
        fallback_used: false,
        stream: true,
        user_key: None,
        conversation_key: None,
        seed: 42,
        verdict: "complete".to_owned(),
        ended_at: Some(now()),
        error_class: None,
        error_message: None,
        client_status: Some(200),
        upstream_status: Some(200),
        latency_us: Some(3_250_000),
        first_output_us: Some(450_000),
        overhead_us: Some(120),
        request_bytes: Some(100),
        response_bytes: Some(1_000),
        usage: DecisionUsage::default(),
        price_nanos: None,
        cost_nanos: None,
        cache_saved_nanos: None,
        key_source: Some("host_key".to_owned()),
        key_fingerprint: Some("sha256:abc".to_owned()),
        possible_double_bill: false,
        panic: false,
        candidates: Vec::new(),
        attempts: Vec::new(),
    };
    let Ok(lane) = Lane::find(snapshot, &planned_again::passage(&decision), now()) else { panic!("a lane") };
    let passage: Passage<'_> = planned_again::passage(&decision);
    let key = passage.sticky_key.expect("sticky").parse().expect("a key");
    let sticky = relay_routing::StickyInput { key, binding: None };
    let plan = lane.plan(&relay_routing::AllHealthy, &lane.keys(), Some(sticky), decision.seed, now());
    decision.candidates = planned_again::candidates(&plan, snapshot, |_| None);
    let first = &decision.candidates[0];
    let attempt = DecisionAttempt {
        route_id: first.route_id.clone(),
        host_id: first.host_id.clone(),
        end: "answered".to_owned(),
        class: None,
        status: Some(200),
        us: 3_200_000,
    };
    decision.route_id = Some(first.route_id.clone());
    decision.planned_route_id = Some(first.route_id.clone());
    decision.host_id = Some(first.host_id.clone());
    decision.attempts = vec![attempt];
    decision
}

fn again(decision: &Decision, fleet: &str) -> PlannedAgain {
    PlannedAgain::of(decision, &snapshot(fleet)).expect("was planned")
}

#[test]
fn a_decision_planned_again_in_its_fleet_is_the_same() {
    let decision = decision(&snapshot(FLEET));
    let again = again(&decision, FLEET);
    assert_eq!((again.same, again.differences.as_slice()), (true, &[][..]));
    assert_eq!(again.route_id, decision.planned_route_id);
    assert_eq!(again.candidates, decision.candidates);
}

#[test]
fn health_of_then_is_what_is_on_record() {
    let mut decision = decision(&snapshot(FLEET));
    let mut first = decision.candidates.remove(0);
    first.verdict = "excluded".to_owned();
    first.reason = Some("it is cooling down until 2026-11-26T12:00:05Z".to_owned());
    decision.candidates[0].verdict = "first".to_owned();
    decision.candidates.push(first.clone());
    decision.sticky_action = "rebind".to_owned();
    let told = again(&decision, FLEET);
    assert!(told.same, "{:?}", told.differences);
    assert_eq!(told.candidates[1].reason, first.reason, "told as it was");
    // Had it been well, it would have been first.
    decision.candidates[1].reason = Some("it was already tried in this request".to_owned());
    assert!(!again(&decision, FLEET).same);
}

#[test]
fn a_binding_that_was_used_is_used_again() {
    let mut decision = decision(&snapshot(FLEET));
    decision.candidates.swap(0, 1);
    decision.candidates[0].verdict = "first".to_owned();
    decision.candidates[1].verdict = "next".to_owned();
    decision.planned_route_id = Some(decision.candidates[0].route_id.clone());
    assert!(!again(&decision, FLEET).same, "its home is the other one");
    for action in ["hit", "rebind", "borrow"] {
        decision.sticky_action = action.to_owned();
        assert!(again(&decision, FLEET).same, "{action}");
    }
}

#[test]
fn in_another_fleet_it_says_what_differs() {
    let decision = decision(&snapshot(FLEET));
    let first = decision.candidates[0].route_id.clone();
    let told = again(&decision, &FLEET.replace(&format!("route_id = \"{first}\""), "route_id = \"other\""));
    assert!(!told.same);
    assert!(told.differences.contains(&format!("{first} was number 1; it is not there")), "{:?}", told.differences);
    assert!(told.differences.contains(&"other was not there".to_owned()), "{:?}", told.differences);
    let refused =
        again(&decision, &FLEET.replace("logical_groups = [\"gpt\"]", "logical_groups = [\"gpt\"]\nenabled = false"));
    assert_eq!((refused.same, refused.differences), (false, vec!["it would be refused: key_disabled".to_owned()]));
}

#[test]
fn what_was_never_planned_is_not_planned_again() {
    let decision = Decision { candidates: Vec::new(), ..decision(&snapshot(FLEET)) };
    assert!(PlannedAgain::of(&decision, &snapshot(FLEET)).is_none());
}

#[test]
fn operators_are_told_everything() {
    let decision = decision(&snapshot(FLEET));
    let record = GenerationView { generation: 7, at: now(), actor: "ann".to_owned(), summary: "1 added".to_owned() };
    let again = again(&decision, FLEET);
    let now = NowPart {
        generation: 9,
        route_id: Some("gpt-osaka".to_owned()),
        host_id: Some("osaka".to_owned()),
        candidates: Vec::new(),
    };
    let told = |language| words::for_operators(&decision, Some(&record), Some(&again), Some(&now), language);
    insta::assert_snapshot!(told(Language::English));
    insta::assert_snapshot!("operators_are_told_everything_in_chinese", told(Language::Chinese));
}

#[test]
fn customers_are_told_what_happened_without_a_name_of_ours() {
    let complete = decision(&snapshot(FLEET));
    let failed_over = {
        let mut decision = complete.clone();
        let mut lost = decision.attempts[0].clone();
        lost.end = "refused".to_owned();
        lost.us = 1_540_000;
        decision.attempts.insert(0, lost);
        decision.sticky_action = "rebind".to_owned();
        decision
    };
    let refused = |status: u16, class: &str| Decision {
        verdict: "failed".to_owned(),
        client_status: Some(status),
        error_class: Some(class.to_owned()),
        attempts: if class == "requests_per_minute" { Vec::new() } else { complete.attempts.clone() },
        ..complete.clone()
    };
    let ended = |verdict: &str| Decision { verdict: verdict.to_owned(), ..complete.clone() };
    let cases = [
        complete.clone(),
        Decision { sticky_action: "hit".to_owned(), ..complete.clone() },
        failed_over,
        refused(404, "model_not_found"),
        refused(429, "requests_per_minute"),
        refused(429, "gateway_rate_limited"),
        refused(503, "no_eligible_route"),
        refused(502, "transport_error"),
        refused(504, "timeout"),
        refused(400, "gateway_400"),
        ended("client_gone"),
        ended("truncated"),
        ended("idle_cut"),
        ended("error_in_stream"),
        ended("interrupted"),
        ended("open"),
    ];
    let told = |language| {
        let texts: Vec<String> = cases.iter().map(|case| customers::told(case, language)).collect();
        texts.join("\n\n")
    };
    let text = told(Language::English);
    for name in ["tokyo", "osaka", "group", "route", "sha256"] {
        let told = text.replace("a limit of the key or its group", "");
        assert!(!told.contains(name), "{name} in {text}");
    }
    insta::assert_snapshot!(text);
    insta::assert_snapshot!("customers_are_told_what_happened_in_chinese", told(Language::Chinese));
}

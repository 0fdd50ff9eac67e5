//! How the fleet is, over the API; and clearing what is left alone.

use std::time::{Duration, Instant};

use http::Method;
use relay_health::CredentialId;
use relay_routing::{AnswerHead, Ending, Outcome, classify};
use relay_testkit::FakeHost;
use serde_json::{Value, json};

use crate::support::{ADMIN, OPERATOR, Server, VIEWER, tiers};

const CLEAR: &str = "/api/v1/health/clear-cooldowns";
const KEY: CredentialId = CredentialId(0xfeed);

async fn two() -> Server {
    let hosts = [FakeHost::start().await, FakeHost::start().await];
    Server::with_fleet(&tiers(&[("a", &hosts[0]), ("b", &hosts[1])])).await
}

fn status(status: u16) -> Outcome {
    let wait = (status == 429).then_some(Duration::from_mins(1));
    Outcome {
        wait,
        ..classify(&Ending::Answer(AnswerHead { status, content_type: "", wait: None, body_head: Some(b"{}") }))
    }
}

/// Attempts on a route that end so, as the gateway would tell of them.
fn attempts(server: &Server, route: &str, outcome: &Outcome, times: usize) {
    let snapshot = server.control.snapshot();
    let health = server.health.generation(&snapshot);
    let route = snapshot.route_by_id(route).expect("it is in the fleet");
    for _ in 0..times {
        health.admit(route, KEY, Instant::now()).expect("it is closed").ended(outcome, Instant::now());
    }
}

async fn health(server: &Server, query: &str) -> Value {
    server.send(VIEWER, Method::GET, &format!("/api/v1/health{query}"), "").await.ok()
}

#[tokio::test]
async fn every_route_and_host_is_told_and_why_it_is_left_alone() {
    let server = two().await;
    attempts(&server, "gpt-a", &status(503), 5);
    attempts(&server, "gpt-b", &status(429), 1);
    let told = health(&server, "").await;
    let [a, b] = [&told["routes"][0], &told["routes"][1]];
    assert_eq!([&a["route_id"], &b["route_id"]], [&json!("gpt-a"), &json!("gpt-b")]);
    assert_eq!(
        [&a["state"], &a["opened_by"], &a["class"]],
        [&json!("open"), &json!("consecutive"), &json!("gateway_5xx")]
    );
    assert_eq!([&a["failed"], &a["succeeded"]], [&json!(5), &json!(0)]);
    let back = |cooling: &Value| {
        cooling["expected_back"].as_str().expect("a time").parse::<jiff::Timestamp>().expect("a time")
    };
    let after = |cooling: &Value| back(cooling).duration_since(crate::support::start_of_time());
    assert!(after(a).as_secs() >= 3 && after(a).as_secs() <= 6, "{a}");
    assert_eq!(b["state"], "closed");
    assert_eq!(b["credentials"][0]["reason"], "rate_limited");
    assert_eq!(after(&b["credentials"][0]).as_secs_f64().ceil() as u64, 60);
    assert_eq!(told["hosts"].as_array().map(Vec::len), Some(2));
    assert_eq!(told["probes"]["mode"], "models");
}

#[tokio::test]
async fn a_part_of_the_fleet_is_asked_for() {
    let server = two().await;
    attempts(&server, "gpt-a", &status(503), 5);
    let ids = |told: &Value, list: &str, id: &str| -> Vec<String> {
        told[list].as_array().expect("a list").iter().map(|one| one[id].as_str().expect("an id").to_owned()).collect()
    };
    for (query, routes, hosts) in [
        ("?troubled=true", vec!["gpt-a"], vec![]),
        ("?host_id=b", vec!["gpt-b"], vec!["b"]),
        ("?route_id=gpt-b", vec!["gpt-b"], vec!["b"]),
        ("?route_id=gpt-b&troubled=true", vec![], vec![]),
        ("?logical_group_id=gpt&host_id=b", vec!["gpt-b"], vec!["b"]),
        ("?logical_group_id=other", vec![], vec![]),
        ("?state=open", vec!["gpt-a"], vec![]),
        ("?state=closed", vec!["gpt-b"], vec!["a", "b"]),
        ("?limit=3", vec!["gpt-a"], vec!["a", "b"]),
    ] {
        let told = health(&server, query).await;
        assert_eq!(
            (ids(&told, "routes", "route_id"), ids(&told, "hosts", "host_id")),
            (routes.into_iter().map(Into::into).collect(), hosts.into_iter().map(Into::into).collect()),
            "{query}"
        );
    }
    for query in ["?troubled=maybe", "?route=gpt-b", "?state=sick"] {
        let (status, code, message) = server.get(&format!("/api/v1/health{query}")).await.error();
        assert_eq!((status, code.as_str()), (400, "invalid_request"), "{message}");
    }
}

#[tokio::test]
async fn an_operator_clears_what_is_left_alone_and_the_audit_says_who() {
    let server = two().await;
    attempts(&server, "gpt-a", &status(503), 5);
    attempts(&server, "gpt-b", &status(429), 1);
    let cleared = server.send(OPERATOR, Method::POST, CLEAR, r#"{"route_id": "gpt-b"}"#).await.ok();
    assert_eq!(cleared, json!({"routes": ["gpt-b"], "hosts": []}));
    let told = health(&server, "").await;
    assert_eq!((&told["routes"][0]["state"], &told["routes"][1]["credentials"]), (&json!("open"), &json!([])));
    let cleared = server.send(OPERATOR, Method::POST, CLEAR, r#"{"at_once": true}"#).await.ok();
    assert_eq!(cleared, json!({"routes": ["gpt-a"], "hosts": []}));
    assert_eq!(health(&server, "").await["routes"][0]["state"], "half_open");
    let audit = server.get("/api/v1/audit").await.ok();
    let newest = &audit["items"][0];
    assert_eq!([&newest["actor"], &newest["action"]], [&json!("olga"), &json!("health.clear_cooldowns")]);
}

#[tokio::test]
async fn what_cannot_be_cleared_is_named() {
    let server = two().await;
    for (token, body, status, part) in [
        (VIEWER, "{}", 403, "operator"),
        (ADMIN, r#"{"route_id": "gpt-z"}"#, 404, "gpt-z"),
        (ADMIN, r#"{"host_id": "z"}"#, 404, "no host"),
        (ADMIN, r#"{"routes": []}"#, 400, "routes"),
        (ADMIN, r#"{"at_once": "yes"}"#, 400, "at_once"),
    ] {
        let answer = server.send(token, Method::POST, CLEAR, body).await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
        assert!(answer.text.contains(part), "{}", answer.text);
    }
}

//! `"failover": true` (spec §3, §5).

use relay_testkit::{FakeHost, Reply};
use serde_json::{Value, json};

use crate::support::{Server, tiers};

async fn three() -> ([FakeHost; 3], Server) {
    let hosts = [FakeHost::start().await, FakeHost::start().await, FakeHost::start().await];
    let server = Server::with_fleet(&tiers(&[("a", &hosts[0]), ("b", &hosts[1]), ("c", &hosts[2])])).await;
    (hosts, server)
}

fn tries(proxied: &Value) -> Vec<String> {
    let attempts = proxied["attempts"].as_array().expect("attempts");
    attempts
        .iter()
        .map(|attempt| {
            format!("{} {}", attempt["route_id"].as_str().expect("text"), attempt["end"].as_str().expect("text"))
        })
        .collect()
}

async fn bound_to(server: &Server) -> Vec<Value> {
    let bindings = server.get("/api/v1/bindings").await.ok();
    bindings["items"].as_array().expect("items").iter().map(|binding| binding["route_id"].clone()).collect()
}

#[tokio::test]
async fn one_attempt_is_made_without_it() {
    let (hosts, server) = three().await;
    hosts[0].script(Reply::empty(503));
    let proxied = server.proxy(&json!({})).await.ok();
    assert_eq!(proxied["forward"]["error_class"], "gateway_5xx");
    assert_eq!(proxied.get("attempts"), None);
    assert!(hosts[1].received().is_empty());
    assert_eq!(bound_to(&server).await, [json!("gpt-a")]);
}

#[tokio::test]
async fn the_next_candidate_serves_and_is_bound() {
    let (hosts, server) = three().await;
    hosts[0].kill().await;
    hosts[1].script(Reply::empty(503));
    let proxied = server.proxy(&json!({"failover": true})).await.ok();
    assert_eq!(tries(&proxied), ["gpt-a not_sent", "gpt-b refused", "gpt-c answered"]);
    let facts = [&proxied["forward"]["ok"], &proxied["forward"]["host_id"], &proxied["resolve"]["route_id"]];
    assert_eq!(facts, [&json!(true), &json!("c"), &json!("gpt-c")]);
    assert_eq!(proxied["resolve"]["fallback_used"], true);
    assert_eq!(bound_to(&server).await, [json!("gpt-c")]);
    let decision = server.decision("r-1").await;
    assert_eq!(decision["attempts"].as_array().map(Vec::len), Some(3));
    assert_eq!((&decision["route_id"], &decision["planned_route_id"]), (&json!("gpt-c"), &json!("gpt-a")));
    assert_eq!(decision["attempts"][0]["class"], "transport_error");
}

#[tokio::test]
async fn what_the_client_did_wrong_is_not_tried_again() {
    let (hosts, server) = three().await;
    hosts[0].script(Reply::json(&json!({"error": {"message": "bad", "type": "invalid_request_error"}})).status(400));
    let proxied = server.proxy(&json!({"failover": true})).await.ok();
    assert_eq!(tries(&proxied), ["gpt-a refused"]);
    assert_eq!(proxied["forward"]["error_class"], "gateway_400");
    assert!(bound_to(&server).await.is_empty());
}

#[tokio::test]
async fn when_all_fail_the_last_failure_is_told_and_nothing_is_bound() {
    let (hosts, server) = three().await;
    for host in &hosts {
        host.script(Reply::empty(500));
    }
    let proxied = server.proxy(&json!({"failover": true})).await.ok();
    assert_eq!(tries(&proxied).len(), 3);
    assert_eq!((&proxied["forward"]["host_id"], &proxied["resolve"]["route_id"]), (&json!("c"), &json!("gpt-c")));
    assert_eq!((&proxied["resolve"]["sticky_action"], &proxied["resolve"]["bound_at"]), (&json!("none"), &Value::Null));
    assert!(bound_to(&server).await.is_empty());
}

#[tokio::test]
async fn a_retry_after_a_request_that_may_have_run_is_marked() {
    let (hosts, server) = three().await;
    hosts[0].script(Reply::close_before_head());
    let proxied = server.proxy(&json!({"failover": true})).await.ok();
    assert_eq!(tries(&proxied), ["gpt-a maybe_executed", "gpt-b answered"]);
    assert_eq!(server.decision("r-1").await["possible_double_bill"], true);
}

#[tokio::test]
async fn a_candidate_whose_group_is_unknown_is_passed_over() {
    let hosts = [FakeHost::start().await, FakeHost::start().await];
    let fleet = tiers(&[("a", &hosts[0]), ("b", &hosts[1])]);
    let fleet = fleet.replacen("kind = \"openai\"", "kind = \"sub2api\"", 1).replacen("\"7\"", "\"pool\"", 1);
    let server = Server::with_fleet(&fleet).await;
    let proxied = server.proxy(&json!({"failover": true})).await.ok();
    assert_eq!(tries(&proxied), ["gpt-a not_sent", "gpt-b answered"]);
    assert_eq!(proxied["attempts"][0]["class"], "shadow_group_unresolved");
}

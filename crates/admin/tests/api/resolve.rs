//! `resolve-route` (spec §3).

use std::sync::Arc;

use jiff::SignedDuration;
use relay_testkit::FakeHost;
use serde_json::{Value, json};

use crate::support::{Server, tiers};

async fn two_hosts() -> (FakeHost, FakeHost) {
    (FakeHost::start().await, FakeHost::start().await)
}

#[tokio::test]
async fn the_first_resolve_binds_and_the_next_one_hits() {
    let (a, b) = two_hosts().await;
    let server = Server::with_fleet(&tiers(&[("a", &a), ("b", &b)])).await;
    insta::assert_json_snapshot!("resolve_bind", server.resolve(&json!({})).await.ok());
    server.clock.advance(SignedDuration::from_mins(1));
    insta::assert_json_snapshot!("resolve_hit", server.resolve(&json!({})).await.ok());
    let bindings = server.get("/api/v1/bindings").await.ok();
    insta::assert_json_snapshot!("resolve_binding", bindings);
    assert!(a.received().is_empty() && b.received().is_empty(), "resolve calls no host");
}

#[tokio::test]
async fn without_stickiness_what_is_not_there_is_null() {
    let (a, b) = two_hosts().await;
    let server = Server::with_fleet(&tiers(&[("a", &a), ("b", &b)])).await;
    let resolved = server.resolve(&json!({"scope": "NONE", "subject_id": null})).await.ok();
    insta::assert_json_snapshot!("resolve_none", resolved);
    assert_eq!(server.get("/api/v1/bindings").await.ok()["items"], json!([]));
}

#[tokio::test]
async fn every_string_is_trimmed_and_the_scope_has_any_case() {
    let (a, b) = two_hosts().await;
    let server = Server::with_fleet(&tiers(&[("a", &a), ("b", &b)])).await;
    let plain = server.resolve(&json!({"scope": "user"})).await.ok();
    let spaced = json!({
        "request_id": "\tr-1 ", "logical_group_id": " gpt ", "public_model": "gpt-5\n", "scope": " User ",
        "subject_id": " thread-1 ",
    });
    let spaced = server.resolve(&spaced).await.ok();
    for field in ["request_id", "logical_group_id", "public_model", "scope", "subject_id", "sticky_key"] {
        assert_eq!(spaced[field], plain[field], "{field}");
    }
    assert_eq!(spaced["sticky_action"], "hit");
}

#[tokio::test]
async fn subjects_scopes_models_and_groups_have_bindings_of_their_own() {
    let (a, b) = two_hosts().await;
    let server = Server::with_fleet(&tiers(&[("a", &a), ("b", &b)])).await;
    let key =
        async |changes: Value| server.resolve(&changes).await.ok()["sticky_key"].as_str().expect("text").to_owned();
    let keys =
        [key(json!({})).await, key(json!({"subject_id": "thread-2"})).await, key(json!({"scope": "user"})).await];
    assert!(keys.iter().all(|key| key.len() <= 64 && !key.contains("thread")));
    assert!(keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2]);
}

#[tokio::test]
async fn a_binding_moves_when_its_route_is_gone_and_the_answer_says_fallback() {
    let (a, b) = two_hosts().await;
    let fleet = tiers(&[("a", &a), ("b", &b)]);
    let server = Server::with_fleet(&fleet).await;
    assert_eq!(server.resolve(&json!({})).await.ok()["route_id"], "gpt-a");
    server.publish(&fleet.replace("route_id = \"gpt-a\"", "route_id = \"gpt-a\"\nenabled = false")).await;
    let moved = server.resolve(&json!({})).await.ok();
    let facts = ["route_id", "sticky_action", "sticky_hit", "fallback_used", "priority"].map(|name| &moved[name]);
    assert_eq!(facts, [&json!("gpt-b"), &json!("rebind"), &json!(false), &json!(true), &json!(2)]);
    let next = server.resolve(&json!({"subject_id": "thread-9"})).await.ok();
    assert_eq!((&next["sticky_action"], &next["fallback_used"]), (&json!("bind"), &json!(true)));
}

#[tokio::test]
async fn a_binding_runs_out_after_the_groups_ttl() {
    let (a, b) = two_hosts().await;
    let fleet = tiers(&[("a", &a), ("b", &b)]).replacen("\"gpt\"\n", "\"gpt\"\nsticky = { ttl = \"10m\" }\n", 1);
    let server = Server::with_fleet(&fleet).await;
    let bound = server.resolve(&json!({})).await.ok();
    assert_eq!(bound["expires_at"], "2026-11-01T12:10:00Z");
    server.clock.advance(SignedDuration::from_mins(11));
    assert_eq!(server.resolve(&json!({})).await.ok()["sticky_action"], "bind");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_parallel_first_resolves_one_binding_decides_for_all() {
    let (a, b) = two_hosts().await;
    let fleet = tiers(&[("a", &a), ("b", &b)]).replace("priority = 2", "priority = 1");
    let server = Server::with_fleet(&fleet).await;
    let server = Arc::new(server);
    let mut resolves = tokio::task::JoinSet::new();
    for index in 0..16 {
        let server = Arc::clone(&server);
        resolves.spawn(async move {
            let resolved = server.resolve(&json!({"request_id": format!("r-{index}")})).await.ok();
            (resolved["route_id"].clone(), resolved["sticky_action"] == "bind")
        });
    }
    let (routes, binds): (Vec<_>, Vec<_>) = resolves.join_all().await.into_iter().unzip();
    assert_eq!(binds.iter().filter(|bound| **bound).count(), 1);
    assert!(routes.windows(2).all(|pair| pair[0] == pair[1]), "{routes:?}");
}

#[tokio::test]
async fn sync_returns_when_both_rows_are_on_disk() {
    let (a, b) = two_hosts().await;
    let server = Server::with_fleet(&tiers(&[("a", &a), ("b", &b)])).await;
    for index in 0..5 {
        let id = format!("sync-{index}");
        server.resolve(&json!({"request_id": id, "sync": true})).await.ok();
        let decision = server.log().get(&id).expect("readable").expect("on disk");
        assert_eq!(decision.verdict, "resolved");
        assert!(decision.ended_at.is_some());
    }
}

#[tokio::test]
async fn a_decision_is_logged_with_the_keys_it_falls_back_to() {
    let (a, b) = two_hosts().await;
    let server = Server::with_fleet(&tiers(&[("a", &a), ("b", &b)])).await;
    let keys = async |id: &str, changes: Value| {
        let mut changes = changes;
        changes["request_id"] = id.into();
        server.resolve(&changes).await.ok();
        let decision = server.decision(id).await;
        (decision["user_key"].clone(), decision["conversation_key"].clone())
    };
    assert_eq!(keys("k-1", json!({"scope": "User"})).await, (json!("thread-1"), Value::Null));
    assert_eq!(keys("k-2", json!({"scope": "CONVERSATION"})).await, (Value::Null, json!("thread-1")));
    assert_eq!(keys("k-3", json!({"user_key": " u ", "conversation_key": "c"})).await, (json!("u"), json!("c")));
    assert_eq!(keys("k-4", json!({"scope": "none"})).await, (Value::Null, Value::Null));
    let decision = server.decision("k-2").await;
    insta::assert_json_snapshot!("resolve_decision", decision, {
        ".writer" => "[writer]", ".latency_us" => "[us]", ".seq" => "[seq]",
    });
}

#[tokio::test]
async fn the_named_shadow_group_is_shown_by_its_id_once_that_is_known() {
    let a = FakeHost::start().await;
    let fleet = tiers(&[("a", &a)]).replace("\"openai\"", "\"sub2api\"").replace("\"7\"", "\"pool\"");
    let server = Server::with_fleet(&fleet).await;
    assert_eq!(server.resolve(&json!({})).await.ok()["shadow_group_id"], "pool");
    let resource = json!({"host_id": "a", "type": "group", "name": "pool", "remote_id": "12"});
    assert_eq!(server.post("/api/v1/managed-resources", &resource).await.status, 201);
    assert_eq!(server.resolve(&json!({})).await.ok()["shadow_group_id"], "12");
    assert!(a.received().is_empty());
}

//! Managed access over the API: asked for, shown, exchanged, taken away.

use http::Method;
use relay_testkit::{FakeGroup, FakeHost, Personality};
use serde_json::{Value, json};

use crate::support::{ADMIN, Server, VIEWER, tiers};

const ADMIN_KEY: &str = "admin-0123456789abcdef0123456789abcdef";
const USER: &str = "team-a@relay.example";
const PATH: &str = "/api/v1/access/a/team-a%40relay.example/7";

async fn server() -> (FakeHost, Server) {
    let groups = [FakeGroup::new(7, "pool"), FakeGroup::new(8, "other")];
    let host = FakeHost::builder().personality(Personality::N).admin_key(ADMIN_KEY);
    let host = groups.into_iter().fold(host, relay_testkit::FakeHostBuilder::group).start().await;
    let fields = format!("kind = \"sub2api\"\nadmin_key = \"{ADMIN_KEY}\"");
    let fleet = tiers(&[("a", &host)]).replace("kind = \"openai\"", &fields);
    let fleet = fleet.replace("\"7\"", "\"pool\"\ncredential = \"managed\"");
    let keys =
        format!("{fleet}\n[[key]]\nkey_id = \"team-a\"\nlogical_groups = [\"gpt\"]\nsubscription_user = \"{USER}\"\n");
    let server = Server::with_fleet(&keys).await;
    (host, server)
}

async fn put(server: &Server, path: &str) -> crate::support::Answer {
    server.send(ADMIN, Method::PUT, path, "").await
}

/// Waits until nothing is worked on.
async fn settled(server: &Server) -> Value {
    let mut counts = server.get("/api/v1/access-counts").await.ok();
    while counts["pending"] != 0 || counts["changing"] != 0 {
        counts = server.get(&format!("/api/v1/access-counts?changed_since={}", counts["change"])).await.ok();
    }
    counts
}

#[tokio::test]
async fn access_is_given_shown_and_taken_away() {
    let (host, server) = server().await;
    let given = put(&server, PATH).await.ok();
    assert_eq!(
        (&given["state"], &given["generation"], &given["want"]),
        (&json!("ready"), &json!(1), &json!("granted"))
    );
    let key = host.panel(|panel| panel.keys[0].key.clone());
    let shown = server.send(VIEWER, Method::GET, PATH, "").await;
    assert_eq!(shown.ok(), given);
    assert!(!shown.text.contains(&key) && shown.text.contains("sha256:"));
    let listed = server.get("/api/v1/access?host_id=a&state=ready").await.ok();
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(listed["items"][0].get("keys"), None);
    // By the group's name it is the same.
    assert_eq!(put(&server, "/api/v1/access/a/team-a%40relay.example/pool").await.ok()["group_id"], 7);
    let taken = server.delete(PATH).await.ok();
    assert_eq!((&taken["state"], &taken["want"]), (&json!("revoked"), &json!("revoked")));
    assert!(host.panel(|panel| panel.keys.iter().all(|key| key.deleted)));
    let actions: Vec<Value> = server.get("/api/v1/audit?limit=3").await.ok()["items"]
        .as_array()
        .map(|items| items.iter().map(|item| item["action"].clone()).collect())
        .unwrap_or_default();
    assert_eq!(actions, ["access.revoke", "access.ensure", "access.ensure"]);
}

#[tokio::test]
async fn the_whole_fleets_access_is_asked_for_and_exchanged() {
    let (host, server) = server().await;
    let asked = server.post("/api/v1/access-ensure", &json!({})).await.ok();
    assert_eq!((&asked["wanted"], &asked["new"], &asked["faults"]), (&json!(1), &json!(1), &json!([])));
    let counts = settled(&server).await;
    assert_eq!(counts["ready"], 1);
    let again = server.post("/api/v1/access-ensure", &json!({ "host_id": "a" })).await.ok();
    assert_eq!((&again["wanted"], &again["new"]), (&json!(1), &json!(0)));
    let rotated = server.post("/api/v1/access-rotate", &json!({ "host_id": "a", "leaked": true })).await.ok();
    assert_eq!(rotated, json!({ "grants": 1, "leaked": true }));
    settled(&server).await;
    assert_eq!(server.get(PATH).await.ok()["generation"], 2);
    host.wait_calls("DELETE", "/api/v1/keys/*", 1).await;
    host.wait_in_flight(0).await;
    assert_eq!(host.panel(|panel| panel.keys.iter().filter(|key| !key.deleted).count()), 1);
}

#[tokio::test]
async fn what_is_not_there_is_told() {
    let (_host, server) = server().await;
    for (method, path, expected) in [
        (Method::GET, PATH, 404),
        (Method::DELETE, PATH, 404),
        (Method::PUT, "/api/v1/access/b/team-a%40relay.example/7", 200),
        (Method::PUT, "/api/v1/access/a/team-a%40relay.example/nothing", 409),
        (Method::GET, "/api/v1/access?state=odd", 400),
    ] {
        let answer = server.send(ADMIN, method.clone(), path, "").await;
        assert_eq!(answer.status.as_u16(), expected, "{method} {path}: {}", answer.text);
    }
    let shown = server.get("/api/v1/access/b/team-a%40relay.example/7").await.ok();
    assert_eq!((&shown["state"], &shown["problem"]["code"]), (&json!("refused"), &json!("no_host")));
    assert_eq!(server.send(VIEWER, Method::PUT, PATH, "").await.status, 403);
}

//! `plan` and `simulate` over the API: what a change would have done to the decisions of late.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::{ADMIN, Server, TWO_HOSTS, VIEWER};

const CONVERSATIONS: usize = 20;

/// A server that has resolved a turn of each of some conversations.
async fn with_traffic() -> Server {
    let server = Server::with_fleet(TWO_HOSTS).await;
    for number in 0..CONVERSATIONS {
        let changes = json!({"request_id": format!("r-{number}"), "subject_id": format!("thread-{number}")});
        server.resolve(&changes).await.ok();
    }
    server.clock.advance(SignedDuration::from_secs(60));
    server
}

async fn plan(server: &Server, query: &str, fleet: &str) -> Value {
    server.send(ADMIN, Method::POST, &format!("/api/v1/plan{query}"), fleet.to_owned()).await.ok()
}

/// How many requests a host has in force, and would have.
fn requests(blast: &Value, host: &str) -> (u64, u64) {
    let hosts = blast["hosts"].as_array().expect("hosts");
    let line = hosts.iter().find(|line| line["host_id"] == host);
    line.map_or((0, 0), |line| {
        let told = |side: &str| line["requests"][side].as_u64().expect("a number");
        (told("before"), told("after"))
    })
}

#[tokio::test]
async fn a_plan_tells_what_it_would_do_to_recent_traffic_and_the_same_each_time() {
    let server = with_traffic().await;
    let removed = TWO_HOSTS.replace("host_id = \"tokyo\"\nkind", "host_id = \"tokyo\"\nenabled = false\nkind");
    let planned = plan(&server, "", &removed).await;
    let blast = &planned["blast_radius"];
    let (before, after) = requests(blast, "tokyo");
    assert!(before > 0 && after == 0, "{blast:#}");
    assert_eq!(blast["traffic"]["moved"], before);
    assert_eq!(requests(blast, "osaka").1, CONVERSATIONS as u64);
    assert_eq!(blast["conversations"]["broken"], before);
    assert_eq!((&blast["covered"]["decisions"], &blast["covered"]["truncated"]), (&json!(CONVERSATIONS), &json!(null)));
    assert_eq!(blast["fidelity"]["share"], 1.0);
    assert_eq!(planned["dead_routes"][0]["reason"], "host_disabled");
    let codes: Vec<_> = planned["findings"].as_array().expect("findings").iter().map(|found| &found["code"]).collect();
    assert!(codes.contains(&&json!("unreachable_route")), "{codes:?}");
    let again = plan(&server, "", &removed).await;
    assert_eq!(planned.to_string(), again.to_string());
    // What a plan has looked at is not traffic, and nothing was bound or published.
    assert_eq!(*server.published.lock().expect("unpoisoned"), [0, 1]);
}

#[tokio::test]
async fn a_drain_breaks_no_conversation() {
    let server = with_traffic().await;
    let drained = TWO_HOSTS.replace("shadow_host_id = \"tokyo\"", "shadow_host_id = \"tokyo\"\nweight = 0");
    let blast = &plan(&server, "", &drained).await["blast_radius"];
    assert_eq!(
        (&blast["conversations"]["bound"], &blast["conversations"]["broken"]),
        (&json!(CONVERSATIONS), &json!(0))
    );
    // They were new in this window: had it been drained then, they would have gone elsewhere.
    assert_eq!(requests(blast, "tokyo").1, 0);
}

#[tokio::test]
async fn a_plan_without_changes_or_without_a_replay_looks_at_no_traffic() {
    let server = with_traffic().await;
    assert_eq!(plan(&server, "", TWO_HOSTS).await["blast_radius"], Value::Null);
    let changed = TWO_HOSTS.replace("tokyo.example", "tokyo2.example");
    assert_eq!(plan(&server, "?replay=false", &changed).await["blast_radius"], Value::Null);
    assert_eq!(plan(&server, "", &changed).await["blast_radius"]["traffic"]["moved"], 0);
}

#[tokio::test]
async fn the_window_is_what_was_asked_for() {
    let server = with_traffic().await;
    let changed = TWO_HOSTS.replace("tokyo.example", "tokyo2.example");
    let decisions = async |query: &str| plan(&server, query, &changed).await["blast_radius"]["covered"].clone();
    assert_eq!(decisions("?since=30s").await["decisions"], 0);
    assert_eq!(decisions("?since=2026-11-01T11:00:00Z&until=2026-11-01T12:00:30Z").await["decisions"], CONVERSATIONS);
    let capped = decisions("?at_most=5").await;
    assert_eq!((&capped["decisions"], &capped["truncated"]), (&json!(5), &json!("decisions")));
    let faults = ["?since=soon", "?since=1h&until=2h", "?at_most=0", "?time_limit=1h", "?replay=perhaps", "?sinc=1h"];
    for query in faults {
        let answer = server.send(ADMIN, Method::POST, &format!("/api/v1/plan{query}"), TWO_HOSTS).await;
        assert_eq!(answer.error().0, 400, "{query}: {}", answer.text);
    }
}

#[tokio::test]
async fn who_accepts_lines_is_told_how_far_it_is() {
    let server = with_traffic().await;
    let send = async |path: &str, body: &str| {
        let request = Request::post(format!("{}/api/v1/{path}", server.url))
            .header("authorization", format!("Bearer {ADMIN}"))
            .header("accept", "application/x-ndjson")
            .body(Full::new(Bytes::from(body.to_owned())));
        let answer = server.request(request.expect("a request")).await;
        assert_eq!(answer.header("content-type"), "application/x-ndjson");
        answer.text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect::<Vec<Value>>()
    };
    let changed = TWO_HOSTS.replace("tokyo.example", "tokyo2.example");
    let lines = send("plan", &changed).await;
    let (last, before) = lines.split_last().expect("lines");
    assert_eq!(last["result"], plan(&server, "", &changed).await);
    assert!(before.iter().all(|line| line["progress"]["total"].is_number()), "{before:?}");
    let lines = send("simulate", r#"{"down": ["nara"]}"#).await;
    assert_eq!(lines.last().expect("a line")["error"]["code"], "not_found");
}

#[tokio::test]
async fn a_simulation_of_a_host_that_is_down_is_a_plan_without_it() {
    let server = with_traffic().await;
    let simulated = server.post("/api/v1/simulate", &json!({"down": ["tokyo"]})).await.ok();
    let removed = TWO_HOSTS.replace("host_id = \"tokyo\"\nkind", "host_id = \"tokyo\"\nenabled = false\nkind");
    let planned = plan(&server, "", &removed).await;
    for part in ["traffic", "hosts", "flows", "refused"] {
        assert_eq!(simulated["blast_radius"][part], planned["blast_radius"][part], "{part}");
    }
    let slow = server.post("/api/v1/simulate", &json!({"slow": [{"host_id": "osaka", "ms": 2000}]})).await.ok();
    let osaka = requests(&slow["blast_radius"], "osaka").1;
    assert_eq!(slow["blast_radius"]["latency"]["delayed"], osaka);
    assert_eq!(slow["slow"], json!([{"host_id": "osaka", "ms": 2000}]));
    assert_eq!(slow["blast_radius"]["traffic"]["moved"], 0);
}

#[tokio::test]
async fn a_simulation_of_nothing_or_of_nobody_is_refused() {
    let server = with_traffic().await;
    let error = async |body: Value| server.post("/api/v1/simulate", &body).await.error();
    assert_eq!(error(json!({})).await.0, 400);
    assert_eq!(error(json!({"down": "tokyo"})).await.0, 400);
    assert_eq!(error(json!({"down": ["tokyo"], "sloww": []})).await.0, 400);
    assert_eq!(
        error(json!({"down": ["nara"]})).await,
        (404, "not_found".to_owned(), "there is no host \"nara\"".to_owned())
    );
    let viewer = server.send(VIEWER, Method::POST, "/api/v1/simulate", r#"{"down": ["tokyo"]}"#).await;
    assert_eq!(viewer.error().0, 403);
}

//! The decision log over the API: list, one, explain, verify; and health.

use relay_testkit::{FakeHost, Reply};
use serde_json::{Value, json};

use crate::support::{Server, tiers};

#[tokio::test]
async fn decisions_are_listed_newest_first_filtered_and_paged() {
    let host = FakeHost::start().await;
    let server = Server::with_fleet(&tiers(&[("a", &host)])).await;
    for index in 0..5 {
        server.resolve(&json!({"request_id": format!("r-{index}"), "sync": true})).await.ok();
    }
    server.resolve(&json!({"request_id": "lost", "public_model": "none", "sync": true})).await;
    let list = async |query: &str| server.get(&format!("/api/v1/decisions{query}")).await.ok();
    let names = |page: &Value| -> Vec<String> {
        page["items"]
            .as_array()
            .expect("an array")
            .iter()
            .map(|item| item["request_id"].as_str().expect("text").to_owned())
            .collect()
    };
    assert_eq!(names(&list("").await), ["lost", "r-4", "r-3", "r-2", "r-1", "r-0"]);
    assert_eq!(names(&list("?verdict=failed").await), ["lost"]);
    assert_eq!(names(&list("?route_id=gpt-a&public_model=gpt-5").await).len(), 5);
    assert_eq!(names(&list("?request_id=r-2").await), ["r-2"]);
    assert!(names(&list("?from=2027-01-01T00:00:00Z").await).is_empty());
    let first = list("?limit=4").await;
    let rest = list(&format!("?cursor={}", first["next_cursor"].as_str().expect("text"))).await;
    assert_eq!([names(&first), names(&rest)].concat(), names(&list("").await));
    assert_eq!(server.get("/api/v1/decisions/none").await.status, 404);
}

#[tokio::test]
async fn a_decision_is_explained_for_machines_and_for_people() {
    let hosts = [FakeHost::start().await, FakeHost::start().await, FakeHost::start().await];
    let fleet = tiers(&[("a", &hosts[0]), ("b", &hosts[1]), ("c", &hosts[2])]);
    let server =
        Server::with_fleet(&fleet.replace("route_id = \"gpt-b\"", "route_id = \"gpt-b\"\nenabled = false")).await;
    hosts[0].script(Reply::json(&json!({"error": {"message": "down"}})).status(503));
    server.proxy(&json!({"failover": true})).await.ok();
    let explained = server.get("/api/v1/decisions/r-1/explain").await.ok();
    insta::assert_json_snapshot!("explain", explained, {
        ".decision" => "[decision]", ".text" => "[text]", ".customer_text" => "[text]", ".attempts[].us" => "[us]",
        ".timings.latency_us" => "[us]", ".timings.attempts_us" => "[us]",
    });
    let text = explained["text"].as_str().expect("text");
    let text: Vec<String> = text.lines().map(without_times).collect();
    insta::assert_snapshot!("explain_text", text.join("\n"));
    assert_eq!(server.get("/api/v1/decisions/none/explain").await.error().0, 404);
    server.publish(&fleet).await;
    assert_eq!(server.get("/api/v1/decisions/r-1/explain").await.ok()["generation_in_force"], false);
}

/// Times differ from run to run.
/// Times, in whatever unit they are told, as `# ms`.
fn without_times(line: &str) -> String {
    let is_unit = |word: &str| ["µs", "ms", "s"].contains(&word.trim_end_matches(['.', ',', ';']));
    let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    for at in 1..words.len() {
        if is_unit(&words[at]) && words[at - 1].parse::<f64>().is_ok() {
            words[at - 1].replace_range(.., "#");
            words[at] = words[at].replace("µs", "ms");
        }
    }
    words.join(" ")
}

#[tokio::test]
async fn the_log_is_verified_and_health_is_told() {
    let host = FakeHost::start().await;
    let server = Server::with_fleet(&tiers(&[("a", &host)])).await;
    server.resolve(&json!({})).await.ok();
    let report = server.get("/api/v1/verify-log").await.ok();
    assert_eq!((&report["fault_count"], &report["interrupted_count"]), (&json!(0), &json!(0)));
    assert_eq!(report["segments"][0]["segment"], "decisions-2026-11-01");
    let health = server.get("/api/v1/health").await.ok();
    assert_eq!(
        (&health["status"], &health["generation"], &health["backend"]),
        (&json!("ok"), &json!(1), &json!("memory"))
    );
    assert_eq!(health["fleet"], json!({"hosts": 1, "groups": 1, "routes": 1, "keys": 0}));
    assert_eq!(health["log"]["lost"], 0);
}

//! Consumer keys over the API, and what keeps them apart from the fleet file.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{ADMIN, OPERATOR, Server, VIEWER};

const FLEET: &str = "
[[group]]
logical_group_id = \"gpt\"
[[group]]
logical_group_id = \"claude\"
[[key]]
key_id = \"from-file\"
secret = { env = \"FILE_KEY\", value = \"sk-from-file\" }
logical_groups = [\"gpt\"]
";

async fn server() -> Server {
    let server = Server::empty().await;
    server.publish(FLEET).await;
    server
}

async fn create(server: &Server, body: &Value) -> Value {
    let made = server.post("/api/v1/keys", body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    made.json()
}

#[tokio::test]
async fn a_key_is_made_with_every_term_and_its_secret_shown_once() {
    let server = server().await;
    let terms = json!({
        "key_id": "team-b", "label": "Team B", "logical_groups": ["gpt", "claude"], "models": ["gpt-5*"],
        "allowed_ips": ["10.1.2.3/8"], "expires_at": "2027-01-31T00:00:00Z", "subject_id": "team-b",
        "subscription_user": "b@relay.example", "expose_routing": true,
        "limits": { "rpm": 600, "concurrency": 5 },
        "budgets": [{ "money": "25.50", "period": "month" }, { "tokens": 1_000_000, "period": "day" }],
    });
    let made = create(&server, &terms).await;
    let secret = made["key"].as_str().expect("a secret");
    assert!(secret.starts_with("sk-relay-"));
    assert_eq!((&made["key_id"], &made["generation"]), (&json!("team-b"), &json!(2)));
    assert_eq!(server.published.lock().expect("unpoisoned").last(), Some(&2), "in force before the answer");
    let shown = server.get("/api/v1/keys/team-b").await;
    insta::assert_json_snapshot!("key", shown.ok());
    for path in ["/api/v1/keys", "/api/v1/audit", "/api/v1/export", "/api/v1/generations"] {
        assert!(!server.get(path).await.text.contains(secret), "{path}");
    }
    let again = server.post("/api/v1/keys", &terms).await;
    assert_eq!((again.status, &again.json()["error"]["code"]), (StatusCode::CONFLICT, &json!("already_exists")));
}

#[tokio::test]
async fn a_key_without_a_name_is_given_one_and_all_faults_are_told_at_once() {
    let server = server().await;
    let made = create(&server, &json!({ "logical_groups": ["gpt"] })).await;
    assert!(made["key_id"].as_str().is_some_and(|id| id.starts_with("key-")));
    let body = json!({ "logical_groups": ["gtp"], "limits": { "rpn": 1 }, "allowed_ips": ["x"], "budgets": [{}] });
    let refused = server.post("/api/v1/keys", &body).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    let details = refused.json()["error"]["details"].to_string();
    for fault in ["did you mean \\\"gpt\\\"", "rpn", "allowed_ips", "budgets[0].period"] {
        assert!(details.contains(fault), "{fault}: {details}");
    }
    assert_eq!(server.send(ADMIN, Method::POST, "/api/v1/keys", "[]").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_null_takes_away() {
    let server = server().await;
    create(&server, &json!({ "key_id": "k", "logical_groups": ["gpt"], "label": "K", "limits": { "rpm": 5 } })).await;
    let patch = json!({ "enabled": false, "label": null, "limits": { "tpm": 7, "rpm": null } });
    let changed = server.send(ADMIN, Method::PATCH, "/api/v1/keys/k", patch.to_string()).await.ok();
    assert_eq!((&changed["enabled"], &changed["label"]), (&json!(false), &Value::Null));
    assert_eq!((&changed["limits"], &changed["logical_groups"]), (&json!({ "tpm": 7 }), &json!(["gpt"])));
    assert_eq!(server.get("/api/v1/keys/k").await.ok(), changed);
    for fixed in [json!({ "key_id": "other" }), json!({ "secret": "mine" })] {
        let refused = server.send(ADMIN, Method::PATCH, "/api/v1/keys/k", fixed.to_string()).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text);
    }
    assert_eq!(server.send(ADMIN, Method::PATCH, "/api/v1/keys/none", "{}").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_rotation_shows_the_new_secret_and_how_long_the_old_one_is_good() {
    let server = server().await;
    let made = create(&server, &json!({ "key_id": "k", "logical_groups": ["gpt"] })).await;
    let rotated = server.post("/api/v1/keys/k/rotate", &json!({ "overlap": "1h" })).await.ok();
    assert_ne!(rotated["key"], made["key"]);
    let shown = server.get("/api/v1/keys/k").await.ok();
    assert_eq!(shown["previous_secret_until"], rotated["previous_secret_until"]);
    assert!(shown["previous_secret_until"].is_string());
    let at_once = server.post("/api/v1/keys/k/rotate", &json!({ "overlap": "0s" })).await.ok();
    assert_eq!(at_once["previous_secret_until"], Value::Null);
    // A secret that lives elsewhere would come back with the next apply.
    let refused = server.post("/api/v1/keys/from-file/rotate", &json!({})).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.text.contains("FILE_KEY"), "{}", refused.text);
}

#[tokio::test]
async fn a_fleet_file_leaves_keys_made_over_the_api_alone() {
    let server = server().await;
    create(&server, &json!({ "key_id": "k", "logical_groups": ["claude"] })).await;
    let planned = server.send(ADMIN, Method::POST, "/api/v1/plan", FLEET).await.ok();
    assert_eq!(planned["changes"], false, "{planned}");
    // A file of before removes its own key, and only that one.
    let without = FLEET.split("[[key]]").next().expect("a part").to_owned();
    let applied = server.send(ADMIN, Method::POST, "/api/v1/apply", without).await.ok();
    assert_eq!(applied["diff"]["removed"], json!([{ "noun": "key", "id": "from-file" }]));
    assert_eq!(server.get("/api/v1/keys/k").await.status, StatusCode::OK);
    // It cannot pull the group away from under it.
    let refused = server.send(ADMIN, Method::POST, "/api/v1/apply", "[[group]]\nlogical_group_id = \"gpt\"\n").await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.text.contains("made over the API"), "{}", refused.text);
    let export = server.get("/api/v1/export").await.text;
    let planned = server.send(ADMIN, Method::POST, "/api/v1/plan", export).await.ok();
    assert_eq!(planned["changes"], false, "{planned}");
    assert_eq!(server.delete("/api/v1/keys/k").await.status, StatusCode::OK);
    assert_eq!(server.delete("/api/v1/keys/k").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn only_admins_make_and_change_keys() {
    let server = server().await;
    for token in [OPERATOR, VIEWER] {
        for (method, path) in [
            (Method::POST, "/api/v1/keys"),
            (Method::PATCH, "/api/v1/keys/from-file"),
            (Method::DELETE, "/api/v1/keys/from-file"),
            (Method::POST, "/api/v1/keys/from-file/rotate"),
        ] {
            let refused = server.send(token, method, path, "{}").await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}");
        }
    }
}

#[tokio::test]
async fn usage_and_prices_are_there_to_be_asked() {
    let server = server().await;
    let usage = server.get("/api/v1/usage?by=consumer,host").await.ok();
    assert_eq!(usage["items"], json!([]));
    let csv = server.get("/api/v1/usage?by=model,hour&format=csv").await;
    assert!(csv.text.starts_with("hour,public_model,requests,"), "{}", csv.text);
    assert!(csv.text.ends_with(",cache_saved_nanos,cache_hit_permille\r\n"), "{}", csv.text);
    assert!(csv.headers["content-type"].to_str().expect("text").starts_with("text/csv"));
    assert_eq!(server.get("/api/v1/usage?by=mood").await.status, StatusCode::BAD_REQUEST);
    let of_before = server.get("/api/v1/usage?from=2026-10-03T09:40:00Z&to=2026-10-03T11:20:00Z").await.ok();
    let told = [&of_before["from"], &of_before["to"]];
    assert_eq!(told, ["2026-10-03T09:00:00Z", "2026-10-03T11:00:00Z"], "what was covered is said");
    let reversed = server.get("/api/v1/usage?from=2026-10-03T11:00:00Z&to=2026-10-03T10:00:00Z").await;
    assert_eq!(reversed.status, StatusCode::BAD_REQUEST);
    assert!(reversed.text.contains("\"from\"") && reversed.text.contains("or a later to"), "{}", reversed.text);
    let prices = server.get("/api/v1/prices?model=gpt-5").await.ok();
    let first = &prices["items"][0];
    assert_eq!((&first["model"], &first["input"], &first["table"]), (&json!("gpt-5"), &json!("1.25"), &json!("list")));
}

//! `plan`, `apply`, `export` over the API.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::support::{ADMIN, Server};

const FLEET: &str = r#"
[[host]]
host_id = "a"
kind = "openai"
base_url = "https://a.example"
gateway_key = { env = "A_KEY", value = "sk-canary-host" }
[[group]]
logical_group_id = "gpt"
[[route]]
route_id = "gpt-a"
logical_group_id = "gpt"
public_model = "gpt-5"
shadow_host_id = "a"
[[key]]
key_id = "team-a"
logical_groups = ["gpt"]
"#;

async fn apply(server: &Server, fleet: &str) -> Value {
    server.send(ADMIN, Method::POST, "/api/v1/apply", fleet.to_owned()).await.ok()
}

#[tokio::test]
async fn apply_publishes_once_and_shows_a_generated_key_once() {
    let server = Server::empty().await;
    let planned = server.send(ADMIN, Method::POST, "/api/v1/plan", FLEET).await.ok();
    assert_eq!((&planned["changes"], &planned["generation"]), (&json!(true), &json!(0)));
    assert_eq!(planned["generated_keys"], json!(["team-a"]));
    assert_eq!(*server.published.lock().expect("unpoisoned"), [0], "a plan publishes nothing");
    let applied = apply(&server, FLEET).await;
    insta::assert_json_snapshot!("apply", applied, { ".generated_keys[0].key" => "[key]" });
    assert!(applied["generated_keys"][0]["key"].as_str().is_some_and(|key| key.starts_with("sk-relay-")));
    assert_eq!(*server.published.lock().expect("unpoisoned"), [0, 1], "published before the answer");
    let again = apply(&server, FLEET).await;
    assert_eq!((&again["generation"], &again["published"]), (&json!(1), &json!(false)));
    assert_eq!(again["generated_keys"], json!([]));
    assert_eq!(*server.published.lock().expect("unpoisoned"), [0, 1]);
    let planned = server.send(ADMIN, Method::POST, "/api/v1/plan", FLEET).await.ok();
    assert_eq!(planned["changes"], false);
}

#[tokio::test]
async fn a_change_is_a_new_generation_with_its_diff_on_record() {
    let server = Server::empty().await;
    apply(&server, FLEET).await;
    let changed = FLEET.replace("sk-canary-host", "sk-canary-other").replace("https://a.example", "https://b.example");
    let applied = apply(&server, &changed).await;
    insta::assert_json_snapshot!("apply_change", applied["diff"]);
    let generations = server.get("/api/v1/generations").await.ok();
    insta::assert_json_snapshot!("generations", generations);
    let mut shown = server.get("/api/v1/generations/2").await.ok();
    assert_eq!(shown["diff"].take(), applied["diff"], "one generation shows what it changed; a list would be long");
    shown.as_object_mut().expect("an object").remove("diff");
    assert_eq!(shown, generations["items"][0]);
    assert_eq!(server.get("/api/v1/generations/9").await.status, 404);
    let audit = server.get("/api/v1/audit").await;
    assert!(!audit.text.contains("canary"), "{}", audit.text);
    let entry = &audit.ok()["items"][0];
    assert_eq!(
        (&entry["action"], &entry["actor"], &entry["generation"]),
        (&json!("publish"), &json!("ann"), &json!(2))
    );
}

#[tokio::test]
async fn an_export_applied_again_changes_nothing() {
    let server = Server::empty().await;
    apply(&server, FLEET).await;
    let export = server.get("/api/v1/export").await;
    assert_eq!(export.header("content-type"), "application/toml");
    assert!(!export.text.contains("canary"), "{}", export.text);
    // The reference is known, its value is not: the server has no such variable.
    let answer = server.send(ADMIN, Method::POST, "/api/v1/apply", export.text.clone()).await;
    assert_eq!(answer.json()["error"]["details"][0]["message"], "gateway_key: environment variable A_KEY is not set");
    let export = export.text.replace("{ env = \"A_KEY\" }", "{ env = \"A_KEY\", value = \"sk-canary-host\" }");
    let again = apply(&server, &export).await;
    assert_eq!(again["published"], false, "{again:#}");
}

#[tokio::test]
async fn json_and_toml_are_taken_by_their_content_type_or_their_look() {
    let server = Server::empty().await;
    let send = async |content_type: &str, body: &'static str| {
        let request = Request::post(format!("{}/api/v1/plan", server.url))
            .header("authorization", format!("Bearer {ADMIN}"))
            .header("content-type", content_type)
            .body(Full::new(Bytes::from_static(body.as_bytes())));
        server.request(request.expect("a request")).await
    };
    let json_body = r#"{"group": [{"logical_group_id": "gpt"}]}"#;
    let added = json!([{"noun": "group", "id": "gpt"}]);
    for (content_type, body) in [
        ("application/json", json_body),
        ("application/x-www-form-urlencoded", json_body),
        ("application/toml", "[[group]]\nlogical_group_id = \"gpt\""),
        ("application/x-www-form-urlencoded", "[[group]]\nlogical_group_id = \"gpt\""),
    ] {
        assert_eq!(send(content_type, body).await.ok()["diff"]["added"], added, "{content_type}");
    }
    assert_eq!(send("application/json", "[[group]]").await.error().0, 400);
    assert_eq!(send("application/toml", json_body).await.error().0, 400);
}

#[tokio::test]
async fn a_faulty_document_publishes_nothing_and_tells_all_faults() {
    let server = Server::empty().await;
    let faulty =
        FLEET.replace("shadow_host_id = \"a\"", "shadow_host_id = \"b\"\nweight = -1\ncredential = \"managed\"");
    let answer = server.send(ADMIN, Method::POST, "/api/v1/apply", faulty).await;
    assert_eq!(answer.error().0, 400);
    insta::assert_json_snapshot!("apply_faults", answer.json(), { ".error.request_id" => "[id]" });
    assert!(!answer.text.contains("canary"));
    assert_eq!(*server.published.lock().expect("unpoisoned"), [0]);
}

#[tokio::test]
async fn going_back_publishes_the_fleet_of_then_as_a_new_generation() {
    let server = Server::empty().await;
    apply(&server, FLEET).await;
    let changed = FLEET.replace("https://a.example", "https://b.example").replace("gpt-5", "gpt-6");
    apply(&server, &changed).await;
    let since = server.get("/api/v1/generations/1/diff").await.ok();
    assert_eq!([&since["from"], &since["to"]], [&json!(1), &json!(2)]);
    assert_eq!(since["diff"]["changed"].as_array().map(Vec::len), Some(2), "{since}");
    assert_eq!(server.get("/api/v1/generations/1/diff?to=1").await.ok()["diff"]["changed"], json!([]));

    let back = server.send(ADMIN, Method::POST, "/api/v1/generations/1/rollback", "").await.ok();
    assert_eq!([&back["generation"], &back["published"]], [&json!(3), &json!(true)]);
    assert_eq!(*server.published.lock().expect("unpoisoned"), [0, 1, 2, 3], "published before the answer");
    assert_eq!(server.get("/api/v1/hosts/a").await.ok()["base_url"], "https://a.example");
    assert_eq!(server.get("/api/v1/generations/1/diff").await.ok()["diff"]["changed"], json!([]));
    let newest = server.get("/api/v1/generations/3").await.ok();
    assert!(newest["summary"].as_str().is_some_and(|told| told.starts_with("went back to generation 1")), "{newest}");
    let audit = server.get("/api/v1/audit?action=generations.rollback&actor=ann").await.ok();
    assert_eq!(audit["items"][0]["generation"], 3);
    let again = server.send(ADMIN, Method::POST, "/api/v1/generations/1/rollback", "").await.ok();
    assert_eq!([&again["generation"], &again["published"]], [&json!(3), &json!(false)]);

    for (path, method) in
        [("/api/v1/generations/9/diff", Method::GET), ("/api/v1/generations/x/rollback", Method::POST)]
    {
        let (status, code, message) = server.send(ADMIN, method, path, "").await.error();
        assert_eq!((status, code.as_str()), (404, "not_found"), "{message}");
    }
    let refused = server.send(crate::support::OPERATOR, Method::POST, "/api/v1/generations/1/rollback", "").await;
    assert_eq!(refused.status.as_u16(), 403);
}

//! Optimistic concurrency over all of the API: whatever changes or removes one thing takes `If-Match` (spec §8).

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};

use crate::furnished::{filled, server, unnamed};
use crate::support::{ADMIN, Answer, Server};

/// Changes many things at once, whichever they are by then: there is no version that the caller could have seen.
const OF_MANY: &str = "DELETE /bindings";

/// Every PATCH, PUT and DELETE of one thing, with a body that changes it; what refers to a thing goes before it.
fn edits() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("PATCH", "/hosts/{id}", json!({"ask_usage": false})),
        ("PATCH", "/groups/{id}", json!({"failback": "ttl"})),
        ("PATCH", "/routes/{id}", json!({"weight": 7})),
        ("PATCH", "/keys/{id}", json!({"label": "x"})),
        ("PATCH", "/notifications/channels/{id}", json!({"min_severity": "critical"})),
        ("PUT", "/access/{host}/{user}/{group}", Value::Null),
        ("DELETE", "/access/{host}/{user}/{group}", Value::Null),
        ("DELETE", "/bindings/{id}", Value::Null),
        ("DELETE", "/managed-resources", Value::Null),
        ("DELETE", "/routes/{id}", Value::Null),
        ("DELETE", "/keys/{id}", Value::Null),
        ("DELETE", "/hosts/{id}", Value::Null),
        ("DELETE", "/groups/{id}", Value::Null),
        ("DELETE", "/notifications/channels/{id}", Value::Null),
        ("DELETE", "/tokens/{id}", Value::Null),
    ]
}

fn takes_if_match(operation: &Value) -> bool {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    parameters.into_iter().any(|parameter| parameter["name"] == "If-Match" && parameter["in"] == "header")
}

#[tokio::test]
async fn every_edit_of_one_thing_takes_if_match_and_is_in_this_table() {
    let server = Server::empty().await;
    let document = server.get("/api/v1/openapi.json").await.ok();
    let (mut found, mut without) = (BTreeSet::new(), Vec::new());
    for (path, methods) in document["paths"].as_object().expect("paths") {
        let Some(path) = path.strip_prefix("/api/v1") else { continue };
        for (method, operation) in methods.as_object().expect("methods") {
            if !matches!(method.as_str(), "patch" | "put" | "delete") {
                continue;
            }
            let name = format!("{} {}", method.to_uppercase(), unnamed(path));
            if takes_if_match(operation) {
                assert!(!operation["responses"]["412"].is_null(), "{name} does not describe 412");
                found.insert(name);
            } else {
                without.push(name);
            }
        }
    }
    assert_eq!(without, [OF_MANY]);
    assert_eq!(found, edits().iter().map(|(method, path, _)| format!("{method} {}", unnamed(path))).collect());
}

/// One of each, and the path that names it.
async fn named(server: &Server, path: &str) -> String {
    match path {
        "/bindings/{id}" => {
            let resolved = server.resolve(&json!({})).await.ok();
            format!("/api/v1/bindings/{}", resolved["sticky_key"].as_str().expect("a binding"))
        }
        "/managed-resources" => {
            let resource = json!({"host_id": "a", "type": "group", "name": "g", "remote_id": "1"});
            assert_eq!(server.post("/api/v1/managed-resources", &resource).await.status, 201);
            "/api/v1/managed-resources?host_id=a&type=group&name=g".to_owned()
        }
        path => filled(path).replace("/tokens/1", "/tokens/3"),
    }
}

#[tokio::test]
async fn an_edit_over_an_outdated_version_is_refused_and_made_over_the_present_one() {
    let (_host, server) = server().await;
    // A grant exists once it was asked for.
    assert!(server.send(ADMIN, Method::PUT, &filled("/access/{host}/{user}/{group}"), "").await.status.is_success());
    for (method, path, body) in edits() {
        let url = named(&server, path).await;
        let method: Method = method.parse().expect("a method");
        let send = async |tag: &str| -> Answer {
            let body = if body.is_null() { String::new() } else { body.to_string() };
            server.send_with(ADMIN, method.clone(), &url, body, &[("if-match", tag)]).await
        };
        let refused = send("\"0123456789abcdef\"").await;
        assert_eq!((refused.error().0, refused.error().1.as_str()), (412, "precondition_failed"), "{method} {path}");
        let present = refused.header("etag").to_owned();
        assert_eq!(refused.json()["error"]["details"]["etag"], json!(present), "{method} {path}");
        let shown = server.get(&url).await;
        assert!(shown.header("etag").is_empty() || shown.header("etag") == present, "{method} {path}");
        assert_eq!(send("unquoted").await.status, 400, "{method} {path}");
        assert_eq!(send(&format!("W/{present}")).await.status, 412, "{method} {path}: weak tags match nothing");
        let made = send(&format!("\"0123456789abcdef\", {present}")).await;
        assert!(made.status.is_success(), "{method} {path}: {}", made.text);
    }
}

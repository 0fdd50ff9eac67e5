//! Tokens, roles, request ids, and what is not there.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{ADMIN, OPERATOR, Server, VIEWER};

#[tokio::test]
async fn a_known_token_is_needed_below_the_api_and_nowhere_else() {
    let server = Server::empty().await;
    for token in ["", "rma-unknown"] {
        let answer = server.send(token, Method::GET, "/api/v1/hosts", "").await;
        assert_eq!((answer.error().0, answer.error().1.as_str()), (401, "unauthorized"));
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
        // What is not there is not told to strangers either.
        assert_eq!(server.send(token, Method::GET, "/api/v1/nothing", "").await.status, 401);
    }
    assert_eq!(server.send("", Method::GET, "/healthz", "").await.ok(), json!({"status": "ok"}));
    assert_eq!(server.send("", Method::GET, "/readyz", "").await.ok(), json!({"status": "ready"}));
}

#[tokio::test]
async fn viewers_look_operators_act_and_admins_change() {
    let server = Server::empty().await;
    let calls = [
        (Method::GET, "/api/v1/hosts", [200, 200, 200]),
        (Method::GET, "/api/v1/export", [200, 200, 200]),
        (Method::DELETE, "/api/v1/bindings", [403, 200, 200]),
        (Method::POST, "/api/v1/resolve-route", [403, 400, 400]),
        (Method::POST, "/api/v1/proxy-route-chat-completions", [403, 400, 400]),
        (Method::POST, "/api/v1/route-chat-completions", [403, 400, 400]),
        (Method::POST, "/api/v1/managed-resources", [403, 400, 400]),
        (Method::POST, "/api/v1/plan", [403, 200, 200]),
        (Method::POST, "/api/v1/apply", [403, 403, 200]),
    ];
    for (method, path, expected) in calls {
        for (token, status) in [VIEWER, OPERATOR, ADMIN].into_iter().zip(expected) {
            let answer = server.send(token, method.clone(), path, "{}").await;
            assert_eq!(answer.status, status, "{token} {method} {path}: {}", answer.text);
        }
    }
    let answer = server.send(VIEWER, Method::POST, "/api/v1/apply", "{}").await;
    assert_eq!(answer.error().2, "this needs the role admin, and the token has viewer");
}

#[tokio::test]
async fn every_answer_has_a_request_id_and_errors_repeat_it() {
    let server = Server::empty().await;
    let ask = async |path: &str, id: &str| {
        let request = Request::get(format!("{}{path}", server.url))
            .header("authorization", format!("Bearer {ADMIN}"))
            .header("x-request-id", id)
            .body(Full::new(Bytes::new()));
        server.request(request.expect("a request")).await
    };
    assert_eq!(ask("/api/v1/hosts", "mine-1").await.header("x-request-id"), "mine-1");
    let refused = ask("/api/v1/hosts/none", "mine-2").await;
    assert_eq!((refused.header("x-request-id"), &refused.json()["error"]["request_id"]), ("mine-2", &json!("mine-2")));
    let made = ask("/nowhere", "not safe").await;
    assert_eq!(made.header("x-request-id").len(), 32);
    assert_eq!(made.json()["error"]["request_id"], made.header("x-request-id"));
}

#[tokio::test]
async fn what_is_not_there_is_json() {
    let server = Server::empty().await;
    let answer = server.get("/api/v1/nothing").await;
    assert_eq!(answer.error(), (404, "not_found".into(), "there is nothing at /api/v1/nothing".into()));
    assert_eq!(server.get("/nothing").await.error().0, 404);
    let answer = server.delete("/api/v1/hosts").await;
    assert_eq!(answer.error(), (405, "method_not_allowed".into(), "/api/v1/hosts takes no DELETE".into()));
    assert_eq!(answer.header("allow"), "GET,HEAD,POST");
    assert_eq!(answer.header("content-type"), "application/json");
}

#[tokio::test]
async fn readiness_tells_why_not() {
    let server = Server::empty().await;
    server.unready.lock().expect("unpoisoned").push("draining".into());
    let answer = server.send("", Method::GET, "/readyz", "").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json(), json!({"status": "unready", "reasons": ["draining"]}));
    server.unready.lock().expect("unpoisoned").clear();
    server.store.close().await;
    let answer = server.send("", Method::GET, "/readyz", "").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["reasons"], json!(["the store is unavailable"]));
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_before_it_is_sent() {
    let server = Server::empty().await;
    let address = server.url.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("a connection");
    let head = format!(
        "POST /api/v1/apply HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {ADMIN}\r\n\
         content-length: 67108865\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("\"code\":\"body_too_large\""), "{answer}");
}

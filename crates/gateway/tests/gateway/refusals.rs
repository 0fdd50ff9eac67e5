//! What is refused before any host is asked, and how that is said (spec §6, §10).

use crate::client::Call;
use crate::rig::{KEY, Rig, Setup};

/// Every error of ours is OpenAI's shape, with a request id, and reaches no host.
async fn check_refusal(rig: &Rig, call: Call, status: u16, code: &str) {
    let mut answer = call.send().await;
    let got = (answer.status, answer.error_code().await);
    assert_eq!(got, (status, code.to_owned()));
    assert!(!answer.request_id().is_empty());
    if status == 401 {
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    assert_eq!(rig.calls().iter().sum::<usize>(), 0);
}

#[tokio::test]
async fn every_refusal_has_the_shape_that_clients_parse() {
    let rig = Setup::hosts(1).options(|options| options.max_body = 2_000).start().await;
    let chat = "/v1/chat/completions";
    check_refusal(&rig, rig.say("hi").without("authorization"), 401, "invalid_api_key").await;
    check_refusal(&rig, rig.say("hi").key("rk-unknown"), 401, "invalid_api_key").await;
    check_refusal(
        &rig,
        rig.say("hi").without("authorization").header("authorization", "Basic x"),
        401,
        "invalid_api_key",
    )
    .await;
    for body in [
        "",
        "{",
        "[]",
        "null",
        r#"{"messages":[]}"#,
        r#"{"model":""}"#,
        r#"{"model":5}"#,
        r#"{"model":"gpt-5","stream":"yes"}"#,
    ] {
        check_refusal(&rig, rig.chat(body), 400, "invalid_request").await;
    }
    check_refusal(&rig, rig.chat(r#"{"model":"gpt-6"}"#), 404, "model_not_found").await;
    check_refusal(&rig, rig.call("POST", "/v1/nothing"), 404, "unknown_url").await;
    check_refusal(&rig, rig.call("GET", "/"), 404, "unknown_url").await;
    check_refusal(&rig, rig.call("GET", chat), 405, "method_not_allowed").await;
    check_refusal(&rig, rig.call("DELETE", "/v1/models"), 405, "method_not_allowed").await;
    check_refusal(&rig, rig.chat("x".repeat(2_001)), 413, "request_too_large").await;
    for coding in ["gzip", "br", "identity, gzip"] {
        check_refusal(&rig, rig.say("hi").header("content-encoding", coding), 415, "unsupported_encoding").await;
    }
    check_refusal(
        &rig,
        rig.say("hi").header("connection", "upgrade").header("upgrade", "websocket"),
        400,
        "invalid_request",
    )
    .await;
    assert_eq!(rig.call("PUT", chat).send().await.header("allow"), Some("POST"));
    assert_eq!(rig.call("POST", "/v1/models").send().await.header("allow"), Some("GET"));
}

/// What a client gets that sends these bytes, and whether its connection was closed after it.
async fn told(rig: &Rig, request: &str) -> String {
    let mut wire = rig.wire().await;
    wire.send(request).await;
    wire.rest().await
}

#[tokio::test]
async fn a_request_that_two_parties_could_read_differently_is_refused_and_the_connection_closed() {
    let rig = Setup::hosts(1).start().await;
    let chunks = "0\r\n\r\nGET /healthz HTTP/1.1\r\nhost: r\r\n\r\n";
    for fields in [
        "content-length: 5\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 5",
        "content-length: 5\r\ncontent-length: 6",
        "content-length: +5",
        "transfer-encoding: gzip, chunked",
        "transfer-encoding: identity",
        "upgrade: websocket",
    ] {
        let head =
            format!("POST /v1/chat/completions HTTP/1.1\r\nhost: r\r\nauthorization: Bearer {KEY}\r\n{fields}\r\n\r\n");
        let answer = told(&rig, &format!("{head}{chunks}")).await;
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{fields}: {answer}");
        assert!(answer.contains("connection: close\r\n") && answer.contains("x-request-id: "), "{fields}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "nothing after it is taken for a request: {answer}");
    }
    let many = format!("GET /healthz HTTP/1.1\r\nhost: r\r\nx: {}\r\n\r\n", "y".repeat(64 * 1024));
    assert!(told(&rig, &many).await.starts_with("HTTP/1.1 431 "));
    assert_eq!(rig.calls(), [0]);
}

#[tokio::test]
async fn a_key_is_checked_before_the_body_is_read() {
    let rig = Setup::hosts(1).start().await;
    let mut wire = rig.wire().await;
    wire.send("POST /v1/chat/completions HTTP/1.1\r\nhost: relay\r\nauthorization: Bearer wrong\r\ncontent-length: 1000\r\n\r\n").await;
    let answer = wire.until("\r\n\r\n{").await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
}

#[tokio::test]
async fn a_body_without_a_length_is_limited_too() {
    let rig = Setup::hosts(1).options(|options| options.max_body = 100).start().await;
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: relay\r\nauthorization: Bearer {KEY}\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    let mut wire = rig.wire().await;
    wire.send(format!("{head}65\r\n{}\r\n", "x".repeat(0x65))).await;
    let answer = wire.rest().await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("request_too_large"), "{answer}");

    let body = r#"{"model":"gpt-5","messages":[]}"#;
    let mut wire = rig.wire().await;
    wire.send(format!("{head}{:x}\r\n{}\r\n{:x}\r\n{}\r\n0\r\n\r\n", 5, &body[..5], body.len() - 5, &body[5..])).await;
    assert!(wire.until("}]").await.starts_with("HTTP/1.1 200 "));
    let received = rig.hosts[0].next_request().await;
    assert_eq!(received.body, body);
    assert_eq!(received.header("transfer-encoding"), None);
}

//! The probe of the proxy actions (spec §3): what is sent, and what is made of the answer.

use std::time::Duration;

use bytes::Bytes;
use relay_domain::{BaseUrl, Fleet};
use relay_store::{Publication, Store as _};
use relay_testkit::{Cut, FakeHost, Gate, Reply};
use serde_json::{Value, json};

use crate::support::{ADMIN, MAX_ANSWER_BYTES, Server, start_of_time, tiers};

const KEY: &str = "sk-canary-probe";

async fn one_host() -> (FakeHost, Server) {
    let host = FakeHost::start().await;
    let server = Server::with_fleet(&tiers(&[("a", &host)])).await;
    (host, server)
}

fn answer() -> Reply {
    Reply::json(
        &json!({"id": "c-1", "n": 9_007_199_254_740_993_u64, "usage": {"prompt_tokens": 3, "completion_tokens": 5}}),
    )
}

/// `F` of a probe that the host answered with `reply`.
async fn forward(reply: Reply) -> Value {
    let (host, server) = one_host().await;
    host.script(reply);
    server.proxy(&json!({})).await.ok()["forward"].clone()
}

#[track_caller]
fn classed(forward: &Value, class: &str, status: &Value) {
    assert_eq!((&forward["error_class"], &forward["upstream_status"]), (&json!(class), status), "{forward:#}");
    assert_eq!(forward["ok"], false);
    assert!(forward["error_message"].as_str().is_some_and(|message| !message.is_empty()));
}

#[tokio::test]
async fn the_answers_have_exactly_the_contracts_fields() {
    let (host, server) = one_host().await;
    host.script(answer());
    let proxied = server.proxy(&json!({})).await.ok();
    insta::assert_json_snapshot!("proxy_ok", proxied, {
        ".forward.host_base_url" => "[url]", ".forward.latency_ms" => "[ms]",
    });
    host.script(answer());
    let body = json!({
        "request_id": "r-2", "logical_group_id": "gpt", "model": "gpt-5", "scope": "none", "gateway_api_key": KEY,
    });
    let routed = server.post("/api/v1/route-chat-completions", &body).await.ok();
    insta::assert_json_snapshot!("route_ok", routed, {
        ".forward.host_base_url" => "[url]", ".forward.latency_ms" => "[ms]",
    });
    host.script(Reply::empty(500));
    let failed = server.post("/api/v1/route-chat-completions", &body).await.ok();
    insta::assert_json_snapshot!("route_failed", failed, {
        ".forward.host_base_url" => "[url]", ".forward.latency_ms" => "[ms]",
    });
    let decision = server.decision("r-1").await;
    insta::assert_json_snapshot!("proxy_decision", decision, {
        ".writer" => "[writer]", ".latency_us" => "[us]", ".seq" => "[seq]", ".attempts[].us" => "[us]",
        ".request_bytes" => "[bytes]", ".upstream_request_id" => "[id]",
    });
}

#[tokio::test]
async fn the_body_sent_is_the_contracts() {
    let (host, server) = one_host().await;
    server.proxy(&json!({})).await.ok();
    let sent = &host.received()[0];
    assert_eq!(sent.target, "/v1/chat/completions");
    assert_eq!(
        sent.body,
        r#"{"model":"shadow-a","messages":[{"role":"user","content":"ping"}],"max_tokens":8,"temperature":0}"#
    );
    let content = r#"[ {"type":"text", "text":" \u4e2d "},{"n":9007199254740993.0} ]"#;
    let body = format!(
        r#"{{"logical_group_id":"gpt","public_model":"gpt-5","scope":"none","gateway_api_key":" {KEY} ","max_tokens":-1,
        "temperature":0.70,"messages":[{{"role":" ","content":" hi \n"}},{{"role":"system","content":{content}}}]}}"#
    );
    let path = "/api/v1/proxy-route-chat-completions";
    server.send(ADMIN, http::Method::POST, path, body).await.ok();
    let expected = format!(
        r#"{{"model":"shadow-a","messages":[{{"role":"user","content":"hi"}},{{"role":"system","content":{content}}}],"max_tokens":8,"temperature":0.70}}"#
    );
    assert_eq!(host.received()[1].body, expected);
}

#[tokio::test]
async fn the_headers_carry_one_credential_and_ask_for_json_or_events() {
    let (host, server) = one_host().await;
    server.proxy(&json!({"gateway_api_key": format!("  {KEY} ")})).await.ok();
    let sent = &host.received()[0];
    assert_eq!(sent.header_all("authorization"), [format!("Bearer {KEY}")]);
    assert_eq!(sent.header("accept"), Some("application/json, text/event-stream"));
    assert_eq!(sent.header("content-type"), Some("application/json"));
    assert_eq!(sent.header("x-request-id"), Some("r-1"));
    assert_eq!(sent.header("x-api-key"), None);
}

#[tokio::test]
async fn the_public_model_is_sent_when_the_route_has_no_other() {
    let host = FakeHost::start().await;
    let fleet = tiers(&[("a", &host)]).replace("shadow_model = \"shadow-a\"\n", "");
    let server = Server::with_fleet(&fleet).await;
    let proxied = server.proxy(&json!({})).await.ok();
    assert_eq!(host.received()[0].json()["model"], "gpt-5");
    assert_eq!(
        (&proxied["resolve"]["shadow_model"], &proxied["forward"]["shadow_model"]),
        (&json!(""), &json!("gpt-5"))
    );
}

#[tokio::test]
async fn the_requested_key_wins_over_a_subscription_user() {
    let (host, server) = one_host().await;
    let forward = server.proxy(&json!({"subscription_user_id": "u-1"})).await.ok()["forward"].clone();
    assert_eq!(forward["effective_gateway_key_source"], "requested_probe_api_key");
    assert_eq!(forward.get("managed_user_id"), None);
    assert_eq!(host.received()[0].bearer(), Some(KEY));
}

#[tokio::test]
async fn each_status_has_its_class() {
    for (status, class) in [
        (400, "gateway_400"),
        (401, "gateway_auth_error"),
        (403, "gateway_auth_error"),
        (404, "gateway_404"),
        (418, "gateway_418"),
        (429, "gateway_rate_limited"),
        (500, "gateway_500"),
        (501, "gateway_501"),
        (502, "gateway_5xx"),
        (503, "gateway_5xx"),
        (529, "gateway_5xx"),
    ] {
        let reply = Reply::json(&json!({"error": {"message": "no"}})).status(status);
        let forward = forward(reply).await;
        classed(&forward, class, &json!(status));
        assert_eq!(forward["error_message"], format!("the host answered {status}: no"));
        assert_eq!(forward["response"], json!({"error": {"message": "no"}}));
    }
}

#[tokio::test]
async fn a_redirect_is_neither_followed_nor_a_success() {
    let elsewhere = FakeHost::start().await;
    let forward = forward(Reply::redirect(307, &format!("{}/v1/chat/completions", elsewhere.base_url()))).await;
    assert_eq!((&forward["ok"], &forward["upstream_status"]), (&json!(false), &json!(307)));
    assert_eq!(forward["error_message"], "the host answered with a redirect, which is not followed");
    assert_eq!(forward.get("error_class"), None);
    assert!(elsewhere.received().is_empty());
}

#[tokio::test]
async fn a_host_that_cannot_be_reached_or_breaks_off_is_a_transport_error() {
    classed(&forward(Reply::reset_before_head()).await, "transport_error", &Value::Null);
    classed(&forward(Reply::close_before_head()).await, "transport_error", &Value::Null);
    classed(
        &forward(Reply::wire(Bytes::from_static(b"junk\r\n\r\n"), Cut::Eof)).await,
        "transport_error",
        &Value::Null,
    );
    let (host, server) = one_host().await;
    host.kill().await;
    let proxied = server.proxy(&json!({})).await.ok();
    classed(&proxied["forward"], "transport_error", &Value::Null);
    let decision = server.decision("r-1").await;
    assert_eq!((&decision["verdict"], &decision["error_class"]), (&json!("failed"), &json!("transport_error")));
    assert_eq!(decision["attempts"][0]["end"], "not_sent");
    assert_eq!(decision["client_status"], 200);
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_to_its_end_says_so() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"a\"";
    classed(&forward(Reply::wire(cut, Cut::Eof)).await, "read_response_failed", &json!(200));
    let large = forward(Reply::raw("text/plain", "x".repeat(MAX_ANSWER_BYTES + 1))).await;
    classed(&large, "read_response_failed", &json!(200));
    let exact = forward(Reply::raw("text/plain", "x".repeat(MAX_ANSWER_BYTES))).await;
    assert_eq!(exact["ok"], true);
}

#[tokio::test]
async fn a_silent_host_is_left_at_the_time_limit() {
    let host = FakeHost::start().await;
    let server = Server::with_time_limit(&tiers(&[("a", &host)]), Duration::from_secs(1)).await;
    host.script(Reply::silence());
    let forward = server.proxy(&json!({})).await.ok()["forward"].clone();
    classed(&forward, "transport_error", &Value::Null);
    assert_eq!(forward["error_message"], "the host did not answer within 1s");
    host.wait_disconnected(0).await;
    host.script(Reply::stream().comment("queued").gate(&Gate::new()));
    let forward = server.proxy(&json!({})).await.ok()["forward"].clone();
    classed(&forward, "read_response_failed", &json!(200));
}

#[tokio::test]
async fn the_default_time_limit_is_the_contracts() {
    assert_eq!(relay_control::Limits::default().time_limit, Duration::from_secs(20));
    assert_eq!(relay_control::Limits::default().max_answer_bytes, 32 * 1024 * 1024);
}

#[tokio::test]
async fn an_answer_is_json_or_trimmed_text_or_absent() {
    assert_eq!(forward(answer()).await["response"]["n"].to_string(), "9007199254740993");
    let page = forward(Reply::raw("text/html", " <html> \n")).await;
    assert_eq!((&page["response"], &page["content_type"]), (&json!("<html>"), &json!("text/html")));
    assert_eq!(page["ok"], true);
    let empty = forward(Reply::empty(200)).await;
    assert_eq!((empty.get("response"), &empty["ok"]), (None, &json!(true)));
    assert_eq!(forward(Reply::raw("text/plain", " \n ")).await.get("response"), None);
    let stream = forward(Reply::raw("text/event-stream", "data: {}\n\ndata: [DONE]\n\n")).await;
    assert_eq!(stream["response"], "data: {}\n\ndata: [DONE]");
}

#[tokio::test]
async fn a_key_that_no_header_can_carry_is_not_sent() {
    let (host, server) = one_host().await;
    let proxied = server.proxy(&json!({"gateway_api_key": "sk\u{7}x"})).await.ok();
    classed(&proxied["forward"], "build_request_failed", &Value::Null);
    assert!(host.received().is_empty());
}

#[tokio::test]
async fn a_base_url_that_may_not_be_used_is_named() {
    let host = FakeHost::start().await;
    let server = Server::with_fleet(&tiers(&[("a", &host)])).await;
    // A fleet document could not say this; a database edited by hand can.
    let mut fleet: Fleet = server.store.fleet().await.expect("readable");
    fleet.hosts[0].allow_private = false;
    fleet.hosts[0].base_url = BaseUrl::parse(&host.base_url()).expect("a URL");
    let publication = Publication {
        based_on: fleet.generation,
        fleet: fleet.into(),
        actor: "test".into(),
        summary: String::new(),
        diff: json!({}),
        at: start_of_time(),
        action: "publish".into(),
        subjects: Vec::new(),
        details: None,
    };
    server.store.publish(publication).await.expect("published");
    server.control.refresh().await.expect("refreshed");
    let proxied = server.proxy(&json!({})).await.ok();
    classed(&proxied["forward"], "invalid_host_base_url", &Value::Null);
    assert!(host.received().is_empty());
}

#[tokio::test]
async fn the_key_is_in_no_answer_and_in_no_record() {
    let (host, server) = one_host().await;
    let echo = format!("Incorrect API key provided: {KEY}");
    for (index, reply) in [
        Reply::json(&json!({"error": {"message": echo}})).status(401),
        Reply::raw("text/plain", echo.clone()).status(500),
        Reply::json(&json!({"said": echo})),
        Reply::json(&json!({})).header("Content-Type", &format!("text/plain; x={KEY}")).upstream_request_id(KEY),
    ]
    .into_iter()
    .enumerate()
    {
        host.script(reply);
        let id = format!("canary-{index}");
        let answer = server.proxy(&json!({"request_id": id, "sync": true})).await;
        assert!(!answer.ok().to_string().contains("canary-probe"), "{}", answer.text);
        let explained = server.get(&format!("/api/v1/decisions/{id}/explain")).await;
        assert!(!explained.text.contains("canary-probe"), "{}", explained.text);
    }
    let fingerprint = server.decision("canary-0").await["key_fingerprint"].clone();
    assert!(fingerprint.as_str().is_some_and(|text| text.starts_with("sha256:") && text.len() == 71));
    for entry in walk(server.directory.path()) {
        let bytes = std::fs::read(&entry).expect("readable");
        let needle = b"canary-probe";
        assert!(!bytes.windows(needle.len()).any(|window| window == needle), "{}", entry.display());
    }
}

fn walk(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(directory).expect("readable").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

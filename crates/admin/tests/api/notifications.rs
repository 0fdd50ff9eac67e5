//! Channels and deliveries of notifications, over the API; and that what goes
//! wrong with the fleet is told.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Instant;

use http::{Method, StatusCode};
use jiff::SignedDuration;
use relay_health::CredentialId;
use relay_routing::{AnswerHead, Ending, classify};
use relay_testkit::{FakeHost, Reply};
use serde_json::{Value, json};

use crate::support::{ADMIN, OPERATOR, Server, VIEWER, tiers};

const CHANNELS: &str = "/api/v1/notifications/channels";
const DELIVERIES: &str = "/api/v1/notifications/deliveries";
const PATH: &str = "/robot/send";

fn channel(service: &FakeHost) -> Value {
    json!({
        "id": "ops", "type": "dingtalk", "url": format!("{}{PATH}?access_token=canary-token", service.base_url()),
        "secret": "SEC-canary", "allow_private": true, "language": "zh-CN", "min_severity": "warning",
    })
}

fn well() -> Reply {
    Reply::json(&json!({"errcode": 0, "errmsg": "ok"}))
}

async fn with_channel() -> (FakeHost, Server) {
    let service = FakeHost::start().await;
    let server = Server::empty().await;
    let created = server.post(CHANNELS, &channel(&service)).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
    (service, server)
}

async fn patch(server: &Server, changes: &Value) -> crate::support::Answer {
    server.send(ADMIN, Method::PATCH, &format!("{CHANNELS}/ops"), changes.to_string()).await
}

#[tokio::test]
async fn a_channel_is_shown_without_its_secrets_and_audited_without_them() {
    let (service, server) = with_channel().await;
    let shown = server.get(&format!("{CHANNELS}/ops")).await.ok();
    assert_eq!(shown["url"], format!("{}/…", service.base_url()));
    assert_eq!([&shown["secret"], &shown["language"]], [&json!("stored"), &json!("zh-CN")]);
    assert_eq!(server.get(CHANNELS).await.ok(), json!({"items": [shown], "next_cursor": null}));
    patch(&server, &json!({"secret": "SEC-canary-2"})).await.ok();
    let audit = server.get("/api/v1/audit").await.ok();
    let actions: Vec<_> = audit["items"].as_array().unwrap().iter().map(|entry| entry["action"].clone()).collect();
    assert_eq!(actions, ["notification_channels.update", "notification_channels.create"]);
    for text in [audit.to_string(), shown.to_string()] {
        assert!(!text.contains("canary"), "{text}");
    }
}

#[tokio::test]
async fn all_faults_are_told_at_once_and_an_id_is_taken_once() {
    let (service, server) = with_channel().await;
    let taken = server.post(CHANNELS, &channel(&service)).await.error();
    assert_eq!(taken, (409, "already_exists".into(), "there is a notification channel \"ops\" already".into()));
    let bad = server.post(CHANNELS, &json!({"id": "b", "type": "bark", "colour": 1, "events": ["rain"]})).await;
    assert_eq!(bad.status, StatusCode::BAD_REQUEST);
    let fields: Vec<_> =
        bad.json()["error"]["details"].as_array().unwrap().iter().map(|d| d["field"].clone()).collect();
    assert_eq!(fields, ["events", "device_key", "colour"]);
    for junk in ["", "[]", "{"] {
        assert_eq!(server.send(ADMIN, Method::POST, CHANNELS, junk).await.status, StatusCode::BAD_REQUEST, "{junk}");
    }
}

#[tokio::test]
async fn a_change_keeps_what_it_does_not_name() {
    let (service, server) = with_channel().await;
    // As a client does that reads, edits and writes back the whole.
    let mut whole = server.get(&format!("{CHANNELS}/ops")).await.ok();
    let whole = whole.as_object_mut().unwrap();
    whole.shift_remove("created_at");
    whole.shift_remove("updated_at");
    whole.insert("min_severity".into(), Value::Null);
    whole.insert("events".into(), json!(["host_down"]));
    let changed = patch(&server, &json!(whole)).await.ok();
    assert_eq!((&changed["min_severity"], &changed["events"]), (&Value::Null, &json!(["host_down"])));
    service.script_path(PATH, well());
    let tested = server.post(&format!("{CHANNELS}/ops/test"), &json!({})).await.ok();
    assert_eq!(tested["delivered"], true, "the secrets are what they were: {tested}");
    let signed = service.next_request().await;
    assert!(signed.query().unwrap().starts_with("access_token=canary-token&timestamp="), "{signed:?}");
    for (field, value) in [("type", "bark"), ("id", "other"), ("url", "ftp://x")] {
        assert_eq!(patch(&server, &json!({field: value})).await.status, StatusCode::BAD_REQUEST, "{field}");
    }
    let none = server.send(ADMIN, Method::PATCH, &format!("{CHANNELS}/nowhere"), "{}").await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn roles_are_kept() {
    let (service, server) = with_channel().await;
    let own = format!("{CHANNELS}/ops");
    for (token, method, path) in [
        (OPERATOR, Method::POST, CHANNELS.to_owned()),
        (OPERATOR, Method::PATCH, own.clone()),
        (OPERATOR, Method::DELETE, own.clone()),
        (VIEWER, Method::POST, format!("{own}/test")),
    ] {
        assert_eq!(server.send(token, method, &path, "{}").await.status, StatusCode::FORBIDDEN, "{path}");
    }
    service.script_path(PATH, well());
    assert_eq!(server.send(OPERATOR, Method::POST, &format!("{own}/test"), "").await.ok()["delivered"], true);
    for path in [CHANNELS, &own, DELIVERIES] {
        server.send(VIEWER, Method::GET, path, "").await.ok();
    }
}

#[tokio::test]
async fn a_test_that_fails_says_why_and_is_on_record() {
    let (service, server) = with_channel().await;
    service.script_path(PATH, Reply::json(&json!({"errcode": 310_000, "errmsg": "sign not match"})));
    let tested = server.post(&format!("{CHANNELS}/ops/test"), &json!({})).await.ok();
    assert_eq!(
        tested,
        json!({"channel_id": "ops", "delivered": false, "error": "code 310000: sign not match", "delivery_id": 1})
    );
    let list = server.get(&format!("{DELIVERIES}?channel_id=ops&state=failed")).await.ok();
    assert_eq!(list["items"][0]["last_error"], "code 310000: sign not match");
    assert_eq!(server.get(&format!("{DELIVERIES}?state=lost")).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(server.post(&format!("{CHANNELS}/nowhere/test"), &json!({})).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_deleted_channel_is_sent_nothing_more() {
    let (service, server) = with_channel().await;
    assert_eq!(server.delete(&format!("{CHANNELS}/ops")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(server.delete(&format!("{CHANNELS}/ops")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(server.control.send_notifications().await.unwrap(), 0);
    assert!(service.received().is_empty());
}

/// Attempts that cannot connect, as the gateway would tell of them.
fn unreachable(server: &Server, route: &str, times: usize) {
    let snapshot = server.control.snapshot();
    let health = server.health.generation(&snapshot);
    let route = snapshot.route_by_id(route).unwrap();
    for _ in 0..times {
        let permit = health.admit(route, CredentialId(1), Instant::now()).unwrap();
        permit.ended(&classify(&Ending::Unreachable), Instant::now());
    }
}

fn succeed(server: &Server, route: &str) {
    server.health.clear(&relay_health::Selection { at_once: true, ..Default::default() }, Instant::now());
    let snapshot = server.control.snapshot();
    let health = server.health.generation(&snapshot);
    let permit = health.admit(snapshot.route_by_id(route).unwrap(), CredentialId(1), Instant::now()).unwrap();
    let head = AnswerHead { status: 200, content_type: "application/json", wait: None, body_head: Some(b"{}") };
    permit.ended(&classify(&Ending::Answer(head)), Instant::now());
}

async fn round(server: &Server) -> (usize, usize) {
    let raised = server.control.notice(Instant::now()).await.unwrap();
    (raised, server.control.send_notifications().await.unwrap())
}

#[tokio::test]
async fn a_host_that_goes_down_and_comes_back_is_told_twice() {
    let (service, server) = with_channel().await;
    let host = FakeHost::start().await;
    server.publish(&tiers(&[("a", &host)])).await;
    for _ in 0..4 {
        service.script_path(PATH, well());
    }
    assert_eq!(round(&server).await, (0, 0), "all is well");
    unreachable(&server, "gpt-a", 5);
    // The only host of the model: it panics too.
    assert_eq!(round(&server).await, (2, 2));
    assert_eq!(round(&server).await, (0, 0), "told once");
    let mut titles = Vec::new();
    for _ in 0..2 {
        let text = service.next_request().await.json()["text"]["content"].as_str().unwrap().to_owned();
        titles.push(text.lines().next().unwrap().to_owned());
    }
    titles.sort();
    assert_eq!(titles, ["【严重】主机不可用：a", "【严重】某个模型没有可用路由：gpt/gpt-5"]);
    succeed(&server, "gpt-a");
    assert_eq!(round(&server).await, (0, 0), "not before it has settled");
    server.clock.advance(SignedDuration::from_secs(60));
    assert_eq!(round(&server).await, (2, 2));
    let text = service.next_request().await.json()["text"]["content"].as_str().unwrap().to_owned();
    assert!(text.starts_with("【恢复】"), "{text}");
    let list = server.get(&format!("{DELIVERIES}?kind=host_down")).await.ok();
    let phases: Vec<_> = list["items"].as_array().unwrap().iter().map(|item| item["phase"].clone()).collect();
    assert_eq!(phases, ["recovered", "firing"]);
}

//! What the actions refuse, and how they say it (spec §3).

use relay_testkit::FakeHost;
use serde_json::json;

use crate::support::{Answer, Server, tiers};

async fn server() -> (FakeHost, Server) {
    let host = FakeHost::start().await;
    let server = Server::with_fleet(&tiers(&[("a", &host)])).await;
    (host, server)
}

#[track_caller]
fn is(answer: &Answer, status: u16, code: &str, message: &str) {
    assert_eq!(answer.error(), (status, code.to_owned(), message.to_owned()));
}

async fn nothing_happened(host: &FakeHost, server: &Server) {
    assert!(host.received().is_empty());
    assert_eq!(server.get("/api/v1/bindings").await.ok()["items"], json!([]));
}

#[tokio::test]
async fn a_key_or_subscription_user_is_required_before_anything_is_resolved() {
    let (host, server) = server().await;
    let message = "gateway_api_key or subscription_user_id is required";
    for changes in [
        json!({"gateway_api_key": null}),
        json!({"gateway_api_key": "  "}),
        json!({"gateway_api_key": "", "subscription_user_id": " "}),
        // Not even the group is looked at.
        json!({"gateway_api_key": null, "logical_group_id": "nowhere"}),
    ] {
        is(&server.proxy(&changes).await, 400, "invalid_request", message);
    }
    nothing_happened(&host, &server).await;
    assert_eq!(server.get("/api/v1/decisions").await.ok()["items"], json!([]));
}

#[tokio::test]
async fn all_faults_of_a_request_are_told_at_once() {
    let (host, server) = server().await;
    let answer = server.proxy(&json!({"scope": 5, "max_token": 1, "messages": [{"rol": "x"}], "sync": "yes"})).await;
    assert_eq!(answer.status, 400);
    insta::assert_json_snapshot!("refusal_invalid", answer.json(), { ".error.request_id" => "[id]" });
    nothing_happened(&host, &server).await;
}

#[tokio::test]
async fn the_model_field_of_route_chat_completions_is_model() {
    let (_host, server) = server().await;
    let body = json!({
        "logical_group_id": "gpt", "public_model": "gpt-5", "scope": "none", "gateway_api_key": "k",
    });
    let answer = server.post("/api/v1/route-chat-completions", &body).await;
    is(&answer, 400, "invalid_request", "model is required; public_model is unknown");
    let answer = server.resolve(&json!({"gateway_api_key": "k"})).await;
    is(&answer, 400, "invalid_request", "gateway_api_key is unknown");
}

#[tokio::test]
async fn unknown_groups_and_models_are_not_found_and_logged() {
    let (host, server) = server().await;
    let answer = server.resolve(&json!({"logical_group_id": "nowhere"})).await;
    is(&answer, 404, "not_found", "there is no group \"nowhere\"");
    assert_eq!(answer.json()["error"]["request_id"], "r-1");
    assert_eq!(answer.header("x-request-id"), "r-1");
    let answer = server.proxy(&json!({"public_model": "gpt-9", "request_id": "r-2"})).await;
    is(&answer, 404, "not_found", "group \"gpt\" has no route for model \"gpt-9\"");
    nothing_happened(&host, &server).await;
    let decision = server.decision("r-2").await;
    let facts = ["verdict", "error_class", "client_status", "public_model"].map(|name| decision[name].clone());
    assert_eq!(facts, [json!("failed"), json!("not_found"), json!(404), json!("gpt-9")]);
}

#[tokio::test]
async fn no_eligible_route_is_refused_with_the_reasons() {
    let host = FakeHost::start().await;
    let fleet = tiers(&[("a", &host)]).replace("[[host]]", "[[host]]\nenabled = false");
    let server = Server::with_fleet(&fleet).await;
    for answer in [server.resolve(&json!({})).await, server.proxy(&json!({})).await] {
        assert_eq!(answer.status, 503);
        insta::assert_json_snapshot!("refusal_no_eligible_route", answer.json());
    }
    nothing_happened(&host, &server).await;
    let decision = server.decision("r-1").await;
    assert_eq!(decision["error_class"], "no_eligible_route");
    assert_eq!(decision["candidates"][0]["verdict"], "excluded");
}

#[tokio::test]
async fn what_is_no_json_object_is_refused() {
    let (_host, server) = server().await;
    for body in ["", "[]", "{\"scope\":", "\"x\""] {
        let answer = server.send(crate::support::ADMIN, http::Method::POST, "/api/v1/resolve-route", body).await;
        let (status, code, message) = answer.error();
        assert_eq!((status, code.as_str()), (400, "invalid_request"));
        assert!(message.starts_with("body is not a JSON object"), "{message}");
    }
}

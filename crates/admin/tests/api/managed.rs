//! The actions with `subscription_user_id` (spec §3), over hosts that give keys and hosts that do not.

use relay_testkit::{FakeGroup, FakeHost, FakeHostBuilder, Personality, Reply, errors};
use serde_json::{Value, json};

use crate::support::{Server, tiers};

const ADMIN_KEY: &str = "admin-0123456789abcdef0123456789abcdef";
const USER: &str = "team-a@relay.example";

fn builder() -> FakeHostBuilder {
    FakeHost::builder().personality(Personality::N).admin_key(ADMIN_KEY).group(FakeGroup::new(7, "pool"))
}

/// A sub2api host, and a route to its group `shadow_group`.
async fn managed(host: FakeHostBuilder, shadow_group: &str) -> (FakeHost, Server) {
    let host = host.start().await;
    let fields = format!("kind = \"sub2api\"\nadmin_key = \"{ADMIN_KEY}\"");
    let fleet = tiers(&[("a", &host)]).replace("kind = \"openai\"", &fields);
    let fleet = fleet.replace("\"7\"", &format!("\"{shadow_group}\"\ncredential = \"managed\""));
    (host, Server::with_fleet(&fleet).await)
}

fn with_user(changes: &Value) -> Value {
    let mut request = json!({ "gateway_api_key": null, "subscription_user_id": USER });
    for (name, value) in changes.as_object().into_iter().flatten() {
        request[name] = value.clone();
    }
    request
}

/// What changes from run to run.
fn steady(mut answer: Value, host: &FakeHost) -> Value {
    for part in ["resolve", "forward", "selected_route"] {
        let Some(part) = answer.get_mut(part).filter(|part| part.is_object()) else { continue };
        for (name, stands_for) in [
            ("sticky_key", json!("[key]")),
            ("bound_at", json!("[time]")),
            ("expires_at", json!("[time]")),
            ("latency_ms", json!(0)),
            ("response", json!("[response]")),
        ] {
            if part.get(name).is_some() {
                part[name] = stands_for;
            }
        }
    }
    let text = answer.to_string().replace(&host.base_url(), "http://host");
    serde_json::from_str(&text).expect("JSON")
}

#[tokio::test]
async fn the_key_of_a_subscription_user_is_obtained_and_sent() {
    let (host, server) = managed(builder(), "pool").await;
    let answer = server.proxy(&with_user(&json!({}))).await;
    let proxied = answer.ok();
    insta::assert_json_snapshot!("proxied_managed", steady(proxied.clone(), &host));
    let user = host.panel(|panel| panel.users[1].clone());
    assert_eq!(user.email, USER);
    assert_eq!(proxied["forward"]["managed_user_id"], json!(user.id.to_string()));
    let key = host.panel(|panel| panel.keys[0].key.clone());
    let sent = host.received().into_iter().find(|request| request.path() == "/v1/chat/completions").expect("sent");
    assert_eq!(sent.bearer(), Some(key.as_str()));
    assert!(!answer.text.contains(&key));
    // The second finds all in memory.
    let panel_calls = || host.received().iter().filter(|request| request.path().starts_with("/api/")).count();
    let before = panel_calls();
    server.proxy(&with_user(&json!({ "request_id": "r-2" }))).await.ok();
    assert_eq!(panel_calls(), before);
    let decision = server.decision("r-2").await;
    assert_eq!(decision["key_source"], "managed_subscription");
    assert_eq!(decision["key_fingerprint"], proxied["forward"]["effective_gateway_key_fingerprint"]);
    assert_eq!(decision["shadow_group_id"], "7");
}

#[tokio::test]
async fn route_chat_tells_the_same_in_its_own_shape() {
    let (host, server) = managed(builder(), "7").await;
    let request = json!({
        "request_id": "r-1", "logical_group_id": "gpt", "model": "gpt-5", "scope": "conversation",
        "subject_id": "thread-1", "subscription_user_id": USER,
    });
    let routed = server.post("/api/v1/route-chat-completions", &request).await.ok();
    insta::assert_json_snapshot!("routed_managed", steady(routed, &host));
}

#[tokio::test]
async fn a_requested_key_wins() {
    let (host, server) = managed(builder().key("sk-canary-probe"), "7").await;
    let proxied = server.proxy(&json!({ "subscription_user_id": USER })).await.ok();
    assert_eq!(proxied["forward"]["effective_gateway_key_source"], "requested_probe_api_key");
    assert_eq!(proxied["forward"].get("managed_user_id"), None);
    assert!(host.panel(|panel| panel.users.len() == 1), "nobody was made");
}

#[tokio::test]
async fn a_key_that_cannot_be_had_is_an_error_that_says_what_to_do() {
    let (host, server) = managed(builder(), "7").await;
    host.panel(|panel| panel.backend_mode = true);
    let (status, code, message) = server.proxy(&with_user(&json!({}))).await.error();
    assert_eq!((status, code.as_str()), (502, "host_error"));
    assert!(message.contains(USER) && message.contains("by hand") && message.contains("panel"), "{message}");
    let decision = server.decision("r-1").await;
    assert_eq!(decision["error_class"], "host_error");
    // Asked again before it is looked at again, the answer is the same.
    assert_eq!(server.proxy(&with_user(&json!({ "request_id": "r-2" }))).await.error().0, 502);
    let (status, code, _) = server.proxy(&with_user(&json!({ "subscription_user_id": "nobody" }))).await.error();
    assert_eq!((status, code.as_str()), (502, "host_error"));
    host.panel(|panel| panel.admin_key = None);
    let other = with_user(&json!({ "request_id": "r-3", "subscription_user_id": "b@relay.example" }));
    let (status, code, message) = server.proxy(&other).await.error();
    assert_eq!((status, code.as_str()), (500, "server_misconfigured"), "{message}");
}

#[tokio::test]
async fn a_host_without_users_has_no_managed_keys() {
    let host = FakeHost::start().await;
    let server = Server::with_fleet(&tiers(&[("a", &host)])).await;
    let (status, code, message) = server.proxy(&with_user(&json!({}))).await.error();
    assert_eq!((status, code.as_str()), (500, "server_misconfigured"), "{message}");
}

#[tokio::test]
async fn with_failover_a_host_without_a_key_is_left_for_the_next() {
    let (barred, open) = (builder().start().await, builder().start().await);
    barred.panel(|panel| panel.backend_mode = true);
    let fields = format!("kind = \"sub2api\"\nadmin_key = \"{ADMIN_KEY}\"");
    let fleet = tiers(&[("a", &barred), ("b", &open)]).replace("kind = \"openai\"", &fields);
    let server = Server::with_fleet(&fleet).await;
    let proxied = server.proxy(&with_user(&json!({ "failover": true }))).await.ok();
    assert_eq!((&proxied["forward"]["ok"], &proxied["forward"]["host_id"]), (&json!(true), &json!("b")));
    let classes: Vec<&Value> = proxied["attempts"].as_array().expect("a list").iter().map(|it| &it["class"]).collect();
    assert_eq!(classes, [&json!("managed_key_unavailable"), &Value::Null]);
}

#[tokio::test]
async fn a_key_that_the_host_calls_dead_is_obtained_anew_for_the_next() {
    let (host, server) = managed(builder(), "7").await;
    server.proxy(&with_user(&json!({}))).await.ok();
    host.panel(|panel| panel.keys[0].deleted = true);
    let failed = server.proxy(&with_user(&json!({ "request_id": "r-2" }))).await.ok();
    assert_eq!(failed["forward"]["error_class"], "gateway_auth_error");
    let again = server.proxy(&with_user(&json!({ "request_id": "r-3" }))).await.ok();
    assert_eq!(again["forward"]["ok"], true, "{again}");
    assert_ne!(
        again["forward"]["effective_gateway_key_fingerprint"],
        failed["forward"]["effective_gateway_key_fingerprint"]
    );
    host.script(Reply::error(errors::DAILY_LIMIT_EXCEEDED));
    let used_up = server.proxy(&with_user(&json!({ "request_id": "r-4" }))).await.ok();
    assert_eq!(used_up["forward"]["error_class"], "gateway_rate_limited");
}

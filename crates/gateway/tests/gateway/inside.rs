//! Requests that come from inside the process, for a consumer whose secret nobody here knows.

use relay_domain::key::parse_ip_range;
use relay_domain::{CredentialMode, KeyId, Limits, Scope};
use relay_gateway::InsideCaller;
use relay_testkit::{Gate, Reply};

use crate::client::Connection;
use crate::rig::{MODEL, Rig, Setup, request};

async fn inside(rig: &Rig, key: &str, scope: Option<Scope>) -> Connection {
    let caller = InsideCaller { key_id: KeyId::new(key).expect("is an id"), scope };
    let socket = rig.gateway.connect(caller).await.expect("is let in");
    Connection::over(socket, rig.address).await
}

#[tokio::test]
async fn a_request_from_inside_is_the_consumers_in_log_limits_and_stickiness() {
    let mut rig = Setup::hosts(1).start().await;
    rig.publish(|fleet| fleet.keys[0].limits = Limits { rpm: Some(1), ..Limits::default() });
    let mut connection = inside(&rig, "team-a", None).await;
    let call = rig.say("hello").without("authorization").conversation("c-1");
    let mut answer = connection.call(call.clone()).await;
    assert_eq!((answer.status, answer.json().await["model"].clone()), (200, MODEL.into()));
    let decision = rig.decision(&answer.request_id()).await;
    let told = (decision.consumer.as_deref(), decision.scope.as_str(), decision.sticky_source.as_deref());
    assert_eq!(told, (Some("team-a"), "conversation", Some("header:x-relay-conversation")));
    assert_eq!(rig.bound().await[0].consumer.as_ref().map(ToString::to_string).as_deref(), Some("team-a"));
    assert_eq!(connection.call(call).await.status, 429, "its limits hold");
    assert_eq!(rig.say("hello").send().await.status, 429, "and it was counted for everybody with that key");
}

#[tokio::test]
async fn another_scope_is_tried_without_changing_the_groups() {
    let rig = Setup::hosts(1).start().await;
    for (scope, logged, source) in [
        (Some(Scope::User), "user", Some("key")),
        (Some(Scope::None), "none", None),
        (None, "conversation", Some("header:x-relay-conversation")),
    ] {
        let call = rig.say("hello").without("authorization").conversation("c-1");
        let answer = inside(&rig, "team-a", scope).await.call(call).await;
        let decision = rig.decision(&answer.request_id()).await;
        assert_eq!((decision.scope.as_str(), decision.sticky_source.as_deref()), (logged, source));
    }
}

#[tokio::test]
async fn a_key_that_is_not_good_is_refused_from_inside_too() {
    let mut rig = Setup::hosts(1).start().await;
    rig.publish(|fleet| fleet.keys[0].enabled = false);
    for key in ["team-a", "nobody"] {
        let mut refused = inside(&rig, key, None).await.call(rig.say("hello").without("authorization")).await;
        assert_eq!((refused.status, refused.error_code().await), (401, "invalid_api_key".to_owned()), "{key}");
    }
}

#[tokio::test]
async fn the_addresses_of_a_key_are_not_the_operators_and_a_secret_that_nobody_has_is_not_sent() {
    let mut rig = Setup::hosts(1).start().await;
    rig.publish(|fleet| {
        fleet.keys[0].allowed_ips = vec![parse_ip_range("10.0.0.0/8").expect("is a range")];
    });
    let call = rig.say("hello").without("authorization");
    assert_eq!(inside(&rig, "team-a", None).await.call(call.clone()).await.status, 200);
    rig.publish(|fleet| fleet.routes[0].credential = CredentialMode::Caller);
    let answer = inside(&rig, "team-a", None).await.call(call).await;
    assert_eq!(answer.status, 503);
    assert_eq!(rig.calls(), [1]);
}

#[tokio::test]
async fn closing_the_connection_drops_the_upstream() {
    let rig = Setup::hosts(1).start().await;
    let window = Gate::new();
    rig.hosts[0].script(Reply::chat("one two").hold_after(1, &window));
    let mut connection = inside(&rig, "team-a", None).await;
    let call = rig.chat(request("x", true)).without("authorization").id("r-1");
    let answer = connection.call(call).await;
    window.reached().await;
    drop((answer, connection));
    rig.hosts[0].wait_disconnected(0).await;
    assert_eq!(rig.decision("r-1").await.verdict, "client_gone");
}

#[tokio::test]
async fn nobody_comes_in_once_the_gateway_has_stopped() {
    let mut rig = Setup::hosts(1).start().await;
    rig.shutdown.stop_accepting.cancel();
    rig.stopped().await;
    let caller = InsideCaller { key_id: KeyId::new("team-a").expect("is an id"), scope: None };
    assert!(rig.gateway.connect(caller).await.is_err());
}

#[tokio::test]
async fn whoever_connects_may_be_on_a_runtime_that_has_ended_by_then() {
    let rig = Setup::hosts(1).start().await;
    let caller = InsideCaller { key_id: KeyId::new("team-a").expect("is an id"), scope: None };
    let gateway = std::sync::Arc::clone(&rig.gateway);
    let connect = move || {
        let elsewhere = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("starts");
        elsewhere.block_on(async { gateway.connect(caller).await?.into_std() })
    };
    let socket = tokio::task::spawn_blocking(connect).await.expect("runs").expect("is let in");
    let socket = tokio::net::TcpStream::from_std(socket).expect("is of this runtime");
    let call = rig.say("hello").without("authorization");
    assert_eq!(Connection::over(socket, rig.address).await.call(call).await.status, 200);
}

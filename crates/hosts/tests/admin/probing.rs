//! What a host can do is found out by what it does, and what cannot be found out is unknown.

use relay_domain::{Secret, Timestamp};
use relay_hosts::admin::{Barrier, Capabilities, Support};
use relay_testkit::{AdminFault, Captcha, FakeHost, FakeHostBuilder, Personality, Received, Reply};
use serde_json::json;

use crate::support::{ADMIN_KEY, builder, client, client_by_login};

fn now() -> Timestamp {
    "2026-08-01T12:00:00Z".parse().unwrap()
}

async fn probed(host: FakeHostBuilder) -> Capabilities {
    client(&host.start().await).probe(None, now()).await.expect("it is a host")
}

#[tokio::test]
async fn a_number_that_lies_is_not_believed() {
    let old = probed(builder(Personality::S).version("9.9.9")).await;
    assert_eq!((old.version.as_deref(), old.key_rebind), (Some("9.9.9"), Support::No));
    let new = probed(builder(Personality::N).version("0.0.1")).await;
    assert_eq!((new.key_rebind, new.probed_at), (Support::Yes, now()));
}

#[tokio::test]
async fn a_fork_that_makes_keys_for_users_is_noticed_without_making_one() {
    let host = builder(Personality::N).panel(|panel| panel.admin_creates_keys = true).start().await;
    let found = client(&host).probe(None, now()).await.unwrap();
    assert_eq!(found.admin_key_creation, Support::Yes);
    assert!(host.panel(|panel| panel.keys.is_empty()));
    assert_eq!(probed(builder(Personality::N)).await.admin_key_creation, Support::No);
}

#[tokio::test]
async fn pending_terms_are_an_obstacle_and_routes_are_found_all_the_same() {
    let found = probed(builder(Personality::N).compliance_pending()).await;
    let obstacle = found.obstacle.expect("an obstacle");
    assert_eq!((obstacle.label.as_str(), obstacle.remedy.as_str()), ("compliance", Barrier::Compliance.remedy()));
    assert_eq!((found.compliance_gate, found.soft_revoke), (Support::Yes, Support::Yes));
    assert_eq!((found.idempotency, found.capacity_summary, found.page_cap), (Support::Unknown, Support::Unknown, None));
}

#[tokio::test]
async fn self_service_is_what_the_settings_allow() {
    let open = probed(builder(Personality::N)).await.self_service;
    assert_eq!((open.possible, open.barriers.len()), (Support::Yes, 0));
    let closed = builder(Personality::N).panel(|panel| {
        panel.backend_mode = true;
        panel.captcha = Some(Captcha::Aliyun);
    });
    let closed = probed(closed).await.self_service;
    assert_eq!((closed.possible, closed.barriers), (Support::No, vec![Barrier::BackendMode, Barrier::Captcha]));
    let old = builder(Personality::S).panel(|panel| panel.captcha = Some(Captcha::Turnstile));
    assert_eq!(probed(old).await.self_service.barriers, [Barrier::Captcha]);
}

#[tokio::test]
async fn what_settings_do_not_say_is_learned_from_a_failure() {
    let host = builder(Personality::N).start().await;
    let mut found = client(&host).probe(None, now()).await.unwrap();
    host.panel(|panel| panel.backend_mode = true);
    let password = crate::support::ann_password();
    let error = client(&host).log_in_as(crate::support::ANN_EMAIL, &password).await.unwrap_err();
    found.learn_self_service(&error);
    found.learn_self_service(&error);
    assert_eq!((found.self_service.possible, found.self_service.barriers), (Support::No, vec![Barrier::BackendMode]));
}

#[tokio::test]
async fn simple_mode_shows_in_a_session_and_with_a_key() {
    let host = builder(Personality::N).key("sk-shared").panel(|panel| panel.simple_mode = true).start().await;
    let by_session = client_by_login(&host).probe(None, now()).await.unwrap();
    assert_eq!(by_session.simple_mode, Support::Yes);
    let by_key = client(&host).probe(Some(&Secret::new("sk-shared")), now()).await.unwrap();
    assert_eq!((by_key.simple_mode, by_key.key_billing), (Support::Yes, Support::Yes));
    assert_eq!(client(&host).probe(None, now()).await.unwrap().simple_mode, Support::Unknown);
}

#[tokio::test]
async fn a_proxy_that_answers_everything_itself_is_no_capable_host() {
    for (status, body) in [
        (401, json!({"code": "UNAUTHORIZED", "message": "sign in first"})),
        (403, json!({"code": 403, "message": "forbidden"})),
        (400, json!({"code": 400, "message": "bad request"})),
    ] {
        let host = builder(Personality::N).start().await;
        for method in ["GET", "POST", "PUT"] {
            for path in ["/api/v1/admin/*", "/api/v1/admin/*/*", "/api/v1/admin/*/*/*", "/api/v1/auth/*"] {
                host.fail(AdminFault::status(method, path, status, &body).always());
            }
        }
        let found = client(&host).probe(None, now()).await.unwrap();
        for support in [found.key_rebind, found.soft_revoke, found.refresh_tokens, found.admin_key_creation, found.ops]
        {
            assert_eq!(support, Support::Unknown, "{status}");
        }
        assert!(found.obstacle.is_some());
    }
}

#[tokio::test]
async fn a_host_that_fails_on_the_way_leaves_things_unknown_and_earlier_knowledge_stands() {
    let host = builder(Personality::N).start().await;
    let earlier = client(&host).probe(None, now()).await.unwrap();
    host.fail(AdminFault::internal_error("GET", "/api/v1/admin/ops/concurrency"));
    host.fail(AdminFault::internal_error("GET", "/api/v1/admin/groups/capacity-summary"));
    let found = client(&host).probe(None, now()).await.unwrap();
    assert_eq!(
        (found.ops, found.capacity_summary, found.key_rebind),
        (Support::Unknown, Support::Unknown, Support::Yes)
    );
    let merged = found.or_earlier(&earlier);
    assert_eq!((merged.ops, merged.capacity_summary), (Support::Yes, Support::Yes));
}

#[tokio::test]
async fn what_is_no_sub2api_host_is_an_error() {
    let openai = FakeHost::builder().personality(Personality::OpenAi).start().await;
    assert_eq!(client(&openai).probe(None, now()).await.unwrap_err().as_str(), "not_api");
    let dead = builder(Personality::N).start().await;
    let client = client(&dead);
    dead.kill().await;
    assert!(client.probe(None, now()).await.unwrap_err().is_transient());
}

#[tokio::test]
async fn a_probe_sends_no_credential_to_routes_that_it_only_looks_for() {
    let host = builder(Personality::N).start().await;
    host.script_path("/v1/sub2api/billing", Reply::html());
    let found = client(&host).probe(None, now()).await.unwrap();
    assert_eq!(found.key_billing, Support::Unknown, "a web page is not an answer");
    for path in ["/api/v1/admin/users/0/api-keys", "/api/v1/admin/subscriptions/0/revoke", "/api/v1/admin/api-keys/0"] {
        let calls = host.received_on(path);
        assert_eq!((calls.len(), calls[0].header("x-api-key")), (1, None), "{path}");
    }
    let with_access = host.received_on("/api/v1/admin/subscriptions/0/extend");
    assert_eq!(with_access[0].header("x-api-key"), Some(ADMIN_KEY));
    let astray = |call: &Received| call.header("x-api-key").is_some() && !call.path().starts_with("/api/v1/admin/");
    assert!(!host.received().iter().any(astray));
}

//! Numeric and named shadow groups (spec §3).

use relay_testkit::{FakeGroup, FakeHost, FakeHostBuilder};
use serde_json::{Value, json};

use crate::support::{Server, tiers};

const ADMIN_KEY: &str = "admin-0123";

/// A sub2api host whose route names the group `pool`.
async fn named(host: FakeHostBuilder, fields: &str) -> (FakeHost, Server) {
    let host = host.start().await;
    let fleet = tiers(&[("a", &host)]).replace("kind = \"openai\"", &format!("kind = \"sub2api\"\n{fields}"));
    let server = Server::with_fleet(&fleet.replace("\"7\"", "\"pool\"")).await;
    (host, server)
}

fn with_groups(groups: &[(i64, &str)]) -> FakeHostBuilder {
    groups
        .iter()
        .fold(FakeHost::builder().admin_key(ADMIN_KEY), |host, (id, name)| host.group(FakeGroup::new(*id, name)))
}

fn asked(host: &FakeHost) -> usize {
    host.received().iter().filter(|request| request.path().starts_with("/api/v1/admin/")).count()
}

fn admin_key() -> String {
    format!("admin_key = \"{ADMIN_KEY}\"")
}

#[tokio::test]
async fn a_number_is_used_as_it_is() {
    let host = FakeHost::start().await;
    let fleet = tiers(&[("a", &host)]).replace("\"openai\"", "\"sub2api\"");
    let server = Server::with_fleet(&fleet).await;
    let proxied = server.proxy(&json!({})).await.ok();
    assert_eq!(
        (&proxied["resolve"]["shadow_group_id"], &proxied["forward"]["shadow_group_id"]),
        (&json!("7"), &json!("7"))
    );
    assert_eq!(asked(&host), 0);
}

#[tokio::test]
async fn a_name_is_a_managed_resource_first() {
    let (host, server) = named(with_groups(&[(3, "pool")]), &admin_key()).await;
    let resource = json!({"host_id": "a", "type": "group", "name": "pool", "remote_id": "12"});
    server.post("/api/v1/managed-resources", &resource).await;
    let proxied = server.proxy(&json!({})).await.ok();
    assert_eq!(
        (&proxied["resolve"]["shadow_group_id"], &proxied["forward"]["shadow_group_id"]),
        (&json!("12"), &json!("12"))
    );
    assert_eq!(asked(&host), 0);
}

#[tokio::test]
async fn else_the_host_is_asked_by_exact_name_once_and_the_match_is_recorded() {
    let groups = [(1, "pool-2"), (2, "Pool"), (3, "pool")];
    let (host, server) = named(with_groups(&groups), &admin_key()).await;
    for _ in 0..2 {
        let proxied = server.proxy(&json!({})).await.ok();
        assert_eq!(
            (&proxied["resolve"]["shadow_group_id"], &proxied["forward"]["shadow_group_id"]),
            (&json!("3"), &json!("3"))
        );
        assert_eq!(proxied["forward"]["ok"], true);
    }
    assert_eq!(asked(&host), 1);
    assert_eq!(host.received()[0].header("x-api-key"), Some(ADMIN_KEY));
    let known = server.get("/api/v1/managed-resources?host_id=a&type=group&name=pool").await.ok();
    assert_eq!(known["items"][0]["remote_id"], "3");
    assert_eq!(server.decision("r-1").await["shadow_group_id"], "3");
}

#[tokio::test]
async fn an_inactive_group_is_found_on_a_later_page() {
    let host = (1..=150)
        .fold(FakeHost::builder().admin_key(ADMIN_KEY), |host, id| host.group(FakeGroup::new(id, &format!("g-{id}"))));
    let host = host.group(FakeGroup::new(151, "pool").inactive());
    let (host, server) = named(host, &admin_key()).await;
    assert_eq!(server.proxy(&json!({})).await.ok()["forward"]["shadow_group_id"], "151");
    assert_eq!(asked(&host), 3);
}

async fn refused(host: FakeHostBuilder, fields: &str) -> (u16, String, String) {
    let (host, server) = named(host, fields).await;
    let answer = server.proxy(&json!({})).await;
    let calls = host.received().iter().filter(|request| request.path() == "/v1/chat/completions").count();
    assert_eq!(calls, 0, "nothing is sent");
    let error = answer.error();
    let decision = server.decision("r-1").await;
    assert_eq!((&decision["verdict"], &decision["error_class"]), (&json!("failed"), &json!(error.1)));
    error
}

#[tokio::test]
async fn none_or_several_matches_are_an_error_that_says_so() {
    let (status, code, message) = refused(with_groups(&[(1, "pools")]), &admin_key()).await;
    assert_eq!((status, &*code, &*message), (502, "host_error", "host \"a\" has no group named \"pool\""));
    let (status, code, message) = refused(with_groups(&[(1, "pool"), (2, "pool")]), &admin_key()).await;
    assert_eq!((status, &*code), (502, "host_error"));
    assert!(message.starts_with("host \"a\" has 2 groups named \"pool\""), "{message}");
}

#[tokio::test]
async fn a_failing_admin_api_is_a_host_error() {
    let (status, code, message) = refused(with_groups(&[(1, "pool")]), "admin_key = \"admin-canary\"").await;
    assert_eq!((status, &*code), (502, "host_error"));
    assert!(message.contains("401 INVALID_ADMIN_KEY") && !message.contains("canary"), "{message}");
    let locked = with_groups(&[(1, "pool")]).compliance_pending();
    let (_, _, message) = refused(locked, &admin_key()).await;
    assert!(message.contains("423 ADMIN_COMPLIANCE_ACK_REQUIRED"), "{message}");
}

#[tokio::test]
async fn a_name_without_admin_access_is_a_misconfigured_server() {
    let (status, code, message) = refused(FakeHost::builder(), "").await;
    assert_eq!((status, &*code), (500, "server_misconfigured"));
    assert!(message.contains("has no admin_key"), "{message}");
}

#[tokio::test]
async fn an_openai_host_gets_no_admin_call() {
    let host = FakeHost::start().await;
    let server = Server::with_fleet(&tiers(&[("a", &host)]).replace("\"7\"", "\"pool\"")).await;
    let proxied = server.proxy(&json!({})).await.ok();
    assert_eq!(proxied["forward"]["shadow_group_id"], Value::from("pool"));
    assert_eq!(asked(&host), 0);
}

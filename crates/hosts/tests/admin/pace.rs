//! The host's word about its pace counts for everybody who calls it.

use std::time::Duration;

use relay_hosts::admin::{AdminError, Fault, codes};
use relay_testkit::{AdminFault, FakeHost, Personality};
use serde_json::json;

use crate::support::{
    ANN_EMAIL, ann_password, builder, calls, client, clients, host_at, key_access, login_access, new_key, subscribe,
};

const GROUPS: &str = "/api/v1/admin/groups/all";

#[track_caller]
fn waits<T: std::fmt::Debug>(outcome: Result<T, AdminError>, at_most: u64) {
    let error = outcome.expect_err("it has to wait");
    let wait = error.retry_after().expect("a wait");
    assert!(wait <= Duration::from_secs(at_most) && wait > Duration::from_secs(at_most / 2), "{wait:?}");
    assert_eq!((error.as_str(), error.fault()), ("rate_limited", Fault::Pace));
    assert!(error.is_transient() && !error.may_have_happened());
}

#[tokio::test]
async fn nobody_calls_a_host_that_said_wait() {
    let host = builder(Personality::N).start().await;
    host.fail(AdminFault::panel_limit("GET", GROUPS, 40));
    let clients = clients();
    let by_key = clients.of(&host_at("a", &host.base_url(), key_access()));
    // Another entry of the fleet with the same address is the same host.
    let by_login = clients.of(&host_at("b", &format!("{}/v1/", host.base_url()), login_access()));
    waits(by_key.active_groups().await, 40);
    waits(by_key.active_groups().await, 40);
    waits(by_login.public_settings().await, 40);
    assert_eq!(calls(&host, GROUPS), 1);
    assert_eq!(calls(&host, "/api/v1/settings/public"), 0);
    let other = builder(Personality::N).start().await;
    clients.of(&host_at("c", &other.base_url(), key_access())).active_groups().await.expect("another host");
}

#[tokio::test]
async fn a_changed_admin_key_does_not_change_the_pace() {
    let host = builder(Personality::N).start().await;
    host.fail(AdminFault::panel_limit("GET", GROUPS, 40));
    let clients = clients();
    waits(clients.of(&host_at("a", &host.base_url(), login_access())).active_groups().await, 40);
    waits(clients.of(&host_at("a", &host.base_url(), key_access())).active_groups().await, 40);
}

#[tokio::test]
async fn the_limit_of_logins_is_one_of_its_own() {
    let host = builder(Personality::N).panel(|panel| panel.limits.login = 1).start().await;
    let client = client(&host);
    client.log_in_as(ANN_EMAIL, &ann_password()).await.unwrap();
    waits(client.log_in_as(ANN_EMAIL, &ann_password()).await, 60);
    waits(client.log_in_as(ANN_EMAIL, &ann_password()).await, 60);
    assert_eq!(calls(&host, "/api/v1/auth/login"), 2);
    client.active_groups().await.expect("the panel is not concerned");
}

#[tokio::test]
async fn one_users_guesses_do_not_stop_the_host() {
    let host = builder(Personality::N).start().await;
    subscribe(&host);
    let ann = client(&host).log_in_as(ANN_EMAIL, &ann_password()).await.unwrap();
    let limited = json!({"code": 429, "message": "too many failed attempts", "reason": "API_KEY_RATE_LIMITED"});
    host.fail(AdminFault::status("POST", "/api/v1/keys", 429, &limited));
    let error = ann.create_key(&new_key("sk-relay-0123456789"), None).await.unwrap_err();
    assert_eq!((error.as_str(), error.code()), ("refused", Some(codes::API_KEY_RATE_LIMITED)));
    ann.keys().await.expect("calls go on");
}

#[tokio::test]
async fn a_burst_goes_out_at_once_and_what_is_beyond_waits_its_turn() {
    let host = FakeHost::builder().admin_key("admin-0123").start().await;
    let client = client(&host);
    let started = std::time::Instant::now();
    for _ in 0..31 {
        client.active_groups().await.unwrap();
    }
    // The 31st has a third of a second to wait, less what the others took.
    assert!(started.elapsed() >= Duration::from_millis(300), "{:?}", started.elapsed());
}

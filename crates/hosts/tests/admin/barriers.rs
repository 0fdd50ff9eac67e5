//! What only a person can lift is named, with what to do, and not got around.

use http::Method;
use relay_domain::Secret;
use relay_hosts::admin::{AdminError, Barrier, Fault, codes};
use relay_testkit::{AdminFault, Captcha, FakeHost, FakeUser, Personality};
use serde_json::json;

use crate::support::{
    ANN_EMAIL, ann_password, builder, calls, client, client_by_login, new_key, new_user, subscribe, subscription,
};

#[track_caller]
fn check<T: std::fmt::Debug>(outcome: Result<T, AdminError>, barrier: Barrier) {
    let error = outcome.expect_err("somebody has to do something first");
    assert_eq!(error.barrier(), Some(barrier), "{error}");
    assert_eq!((error.as_str(), error.fault()), (barrier.as_str(), Fault::Operator));
    assert!(!error.is_transient() && !error.may_have_happened());
    assert_eq!(error.remedy(), barrier.remedy());
}

fn accepted(host: &FakeHost) -> bool {
    host.received().iter().any(|call| call.method != Method::GET && call.path().contains("compliance"))
}

#[tokio::test]
async fn compliance_terms_are_reported_by_every_call_and_accepted_by_none() {
    let host = builder(Personality::N).panel(|panel| panel.compliance_pending = true).start().await;
    for client in [client(&host), client_by_login(&host)] {
        check(client.groups().await, Barrier::Compliance);
        check(client.find_users_by_email(ANN_EMAIL).await, Barrier::Compliance);
        check(client.create_user(&new_user("b@relay.example")).await, Barrier::Compliance);
        check(client.assign(&subscription()).await, Barrier::Compliance);
        let terms = client.compliance().await.unwrap().expect("it has terms");
        assert!(terms.required && !terms.version.is_empty());
        client.probe(None, relay_domain::Timestamp::UNIX_EPOCH).await.unwrap();
    }
    let refused = client(&host).groups().await.unwrap_err();
    assert_eq!(refused.code(), Some(codes::ADMIN_COMPLIANCE_ACK_REQUIRED));
    assert_eq!(refused.refusal().unwrap().metadata["version"], "v2026.06.10");
    assert!(refused.remedy().contains("never accepts them for you"));
    assert!(!accepted(&host));
    host.panel(|panel| panel.compliance_pending = false);
    client(&host).groups().await.expect("a person has accepted");
}

#[tokio::test]
async fn a_user_with_two_factor_login_is_left_alone() {
    let two = FakeUser::new("two@relay.example").password("secret-of-two").two_factor("123456");
    let host = builder(Personality::N).user(two).panel(|panel| panel.two_factor_enabled = true).start().await;
    check(client(&host).log_in_as("two@relay.example", &Secret::new("secret-of-two")).await, Barrier::TwoFactor);
    assert_eq!(calls(&host, "/api/v1/auth/login/2fa"), 0);
    client(&host).log_in_as(ANN_EMAIL, &ann_password()).await.expect("others are not concerned");
}

#[tokio::test]
async fn a_captcha_of_any_kind_ends_a_login() {
    for (personality, captcha) in [
        (Personality::S, Captcha::Turnstile),
        (Personality::N, Captcha::Turnstile),
        (Personality::N, Captcha::Tencent),
        (Personality::N, Captcha::Aliyun),
    ] {
        let host = builder(personality).panel(|panel| panel.captcha = Some(captcha)).start().await;
        check(client(&host).log_in_as(ANN_EMAIL, &ann_password()).await, Barrier::Captcha);
        check(client_by_login(&host).groups().await, Barrier::Captcha);
        client(&host).groups().await.expect("an admin key needs no login");
    }
}

#[tokio::test]
async fn backend_mode_is_seen_at_the_login_and_in_a_session_begun_before() {
    let host = builder(Personality::N).start().await;
    subscribe(&host);
    let ann = client(&host).log_in_as(ANN_EMAIL, &ann_password()).await.unwrap();
    host.panel(|panel| panel.backend_mode = true);
    check(ann.create_key(&new_key("sk-relay-0123456789"), None).await, Barrier::BackendMode);
    check(client(&host).log_in_as(ANN_EMAIL, &ann_password()).await, Barrier::BackendMode);
    client_by_login(&host).groups().await.expect("administrators may still log in");
}

#[tokio::test]
async fn a_session_bound_elsewhere_is_reported_and_the_next_call_begins_another() {
    let host = builder(Personality::N).start().await;
    let client = client_by_login(&host);
    client.groups().await.unwrap();
    let mismatch = json!({"code": "SESSION_BINDING_MISMATCH", "message": "fingerprint changed"});
    host.fail(AdminFault::status("GET", "/api/v1/admin/groups", 401, &mismatch));
    check(client.groups().await, Barrier::SessionBinding);
    assert_eq!(calls(&host, "/api/v1/auth/login"), 1);
    client.groups().await.unwrap();
    assert_eq!(calls(&host, "/api/v1/auth/login"), 2);
}

#[tokio::test]
async fn a_binding_to_the_user_agent_does_not_meet_us() {
    let host = builder(Personality::N).panel(|panel| panel.session_binding = true).start().await;
    let client = client_by_login(&host);
    for _ in 0..2 {
        client.groups().await.unwrap();
        client.find_users_by_email(ANN_EMAIL).await.unwrap();
    }
    assert_eq!(calls(&host, "/api/v1/auth/login"), 1);
}

#[tokio::test]
async fn a_call_that_wants_a_second_factor_says_so() {
    let host = builder(Personality::N).start().await;
    let step_up = json!({"code": "STEP_UP_ADMIN_API_KEY_FORBIDDEN", "message": "a verified session is required"});
    host.fail(AdminFault::status("GET", "/api/v1/admin/accounts", 403, &step_up));
    check(client(&host).accounts(&relay_hosts::admin::AccountFilter::default()).await, Barrier::StepUp);
}

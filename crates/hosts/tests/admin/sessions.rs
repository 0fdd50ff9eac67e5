//! Sessions begin once, are renewed where hosts can, and begin again where they cannot.

use futures_util::future::join_all;
use jiff::SignedDuration;
use relay_domain::Secret;
use relay_hosts::admin::{AdminError, UserChanges, UserClient, codes};
use relay_testkit::{AdminFault, FakeHost, FakePanel, Gate, Personality};
use serde_json::json;

use crate::support::{ANN, ANN_EMAIL, ann_password, builder, calls, client, client_by_login};

const LOGIN: &str = "/api/v1/auth/login";
const REFRESH: &str = "/api/v1/auth/refresh";

#[tokio::test]
async fn many_callers_share_one_login() {
    let host = builder(Personality::N).start().await;
    let gate = Gate::new();
    host.fail(AdminFault::hold_after("POST", LOGIN, &gate));
    let client = client_by_login(&host);
    let ten = join_all((0..10).map(|_| client.active_groups()));
    let (outcomes, ()) = tokio::join!(ten, async {
        gate.reached().await;
        gate.open();
    });
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(calls(&host, LOGIN), 1);
}

/// Ann's session, which is over at once by what the host said; sessions from now on are not.
async fn with_a_short_session(host: &FakeHost) -> UserClient {
    host.panel(|panel| panel.session_length = SignedDuration::ZERO);
    let ann = client(host).log_in_as(ANN_EMAIL, &ann_password()).await.unwrap();
    host.panel(|panel| panel.session_length = SignedDuration::from_hours(24));
    ann
}

#[tokio::test]
async fn a_session_near_its_end_is_renewed_without_the_password() {
    let host = builder(Personality::N).start().await;
    let ann = with_a_short_session(&host).await;
    ann.keys().await.unwrap();
    ann.keys().await.unwrap();
    assert_eq!((calls(&host, LOGIN), calls(&host, REFRESH)), (1, 1));
}

#[tokio::test]
async fn a_refresh_token_that_no_longer_holds_is_replaced_by_a_login() {
    let host = builder(Personality::N).start().await;
    let ann = with_a_short_session(&host).await;
    let invalid = json!({"code": 401, "message": "invalid refresh token", "reason": "REFRESH_TOKEN_INVALID"});
    host.fail(AdminFault::status("POST", REFRESH, 401, &invalid));
    ann.keys().await.unwrap();
    assert_eq!((calls(&host, LOGIN), calls(&host, REFRESH)), (2, 1));
}

#[tokio::test]
async fn a_host_that_fails_at_a_renewal_is_not_taken_for_a_dead_token() {
    let host = builder(Personality::N).start().await;
    let ann = with_a_short_session(&host).await;
    host.fail(AdminFault::internal_error("POST", REFRESH));
    assert!(matches!(ann.keys().await, Err(AdminError::HostFault(_))));
    ann.keys().await.expect("the token is still good");
    assert_eq!((calls(&host, LOGIN), calls(&host, REFRESH)), (1, 2));
}

#[tokio::test]
async fn a_session_that_the_host_ended_is_begun_again() {
    for personality in [Personality::S, Personality::N] {
        let host = builder(personality).start().await;
        let client = client_by_login(&host);
        client.active_groups().await.unwrap();
        host.panel(FakePanel::expire_sessions);
        client.active_groups().await.unwrap();
        assert_eq!(calls(&host, LOGIN), 2, "{personality:?}");
    }
}

#[tokio::test]
async fn a_password_that_no_longer_holds_ends_it() {
    let host = builder(Personality::N).start().await;
    let ann = client(&host).log_in_as(ANN_EMAIL, &ann_password()).await.unwrap();
    let changes = UserChanges { password: Some(Secret::new("another-secret")), ..UserChanges::default() };
    client(&host).update_user(ANN, &changes).await.unwrap();
    let error = ann.keys().await.unwrap_err();
    assert!(matches!(error, AdminError::Credential(_)), "{error}");
    assert_eq!((error.code(), calls(&host, LOGIN)), (Some(codes::INVALID_CREDENTIALS), 2));
}

#[tokio::test]
async fn logging_out_ends_the_refresh_token() {
    for (personality, logouts) in [(Personality::S, 0), (Personality::N, 1)] {
        let host = builder(personality).start().await;
        let ann = client(&host).log_in_as(ANN_EMAIL, &ann_password()).await.unwrap();
        ann.log_out().await.unwrap();
        assert_eq!(calls(&host, "/api/v1/auth/logout"), logouts);
    }
}

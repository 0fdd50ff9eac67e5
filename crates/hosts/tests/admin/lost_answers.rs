//! A write whose answer is lost may have been made: the error says so, and what is read afterwards tells.

use relay_hosts::admin::{AdminError, Assignment, AssignmentConflict, Fault, codes};
use relay_testkit::{AdminFault, Cut, Personality, Reply};

use crate::support::{
    ANN, ANN_EMAIL, ann_password, builder, calls, client, new_key, new_user, subscribe, subscription,
};

#[track_caller]
fn lost<T: std::fmt::Debug>(outcome: Result<T, AdminError>) {
    let error = outcome.expect_err("there is no answer");
    assert!(error.may_have_happened() && error.is_transient(), "{error:?}");
    assert_eq!(error.fault(), Fault::Network);
}

#[tokio::test]
async fn a_user_whose_creation_got_no_answer_is_found() {
    let host = builder(Personality::N).start().await;
    host.fail(AdminFault::lost_answer("POST", "/api/v1/admin/users"));
    let new = new_user("new@relay.example");
    lost(client(&host).create_user(&new).await);
    assert_eq!(calls(&host, "/api/v1/admin/users"), 1, "a write is never repeated unasked");
    assert_eq!(client(&host).create_user(&new).await.unwrap_err().code(), Some(codes::EMAIL_EXISTS));
    assert_eq!(client(&host).find_users_by_email(&new.email).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_whose_creation_got_no_answer_is_its_users() {
    for personality in [Personality::S, Personality::N] {
        let host = builder(personality).start().await;
        subscribe(&host);
        let ann = client(&host).log_in_as(ANN_EMAIL, &ann_password()).await.unwrap();
        host.fail(AdminFault::lost_answer("POST", "/api/v1/keys"));
        let new = new_key("sk-relay-0123456789");
        lost(ann.create_key(&new, None).await);
        assert_eq!(ann.create_key(&new, None).await.unwrap_err().code(), Some(codes::API_KEY_EXISTS));
        let keys = client(&host).user_keys(ANN).await.unwrap();
        assert_eq!((keys.len(), keys[0].key.as_ref()), (1, Some(new.custom_key.unwrap().secret())));
    }
}

#[tokio::test]
async fn an_assignment_can_be_repeated_after_a_lost_answer() {
    for (personality, again) in [(Personality::S, None), (Personality::N, Some(1))] {
        let host = builder(personality).start().await;
        host.fail(AdminFault::lost_answer("POST", "/api/v1/admin/subscriptions/assign"));
        lost(client(&host).assign(&subscription()).await);
        match client(&host).assign(&subscription()).await.unwrap() {
            Assignment::Subscription(subscription) => assert_eq!(Some(subscription.id.0), again),
            Assignment::Exists(conflict) => assert_eq!((conflict, again), (AssignmentConflict::AlreadyExists, None)),
        }
        assert_eq!(client(&host).user_subscriptions(ANN).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn an_assignment_that_somebody_else_made_at_the_same_moment_exists() {
    for personality in [Personality::S, Personality::N] {
        let host = builder(personality).start().await;
        host.fail(AdminFault::overtaken("POST", "/api/v1/admin/subscriptions/assign"));
        let outcome = client(&host).assign(&subscription()).await.unwrap();
        assert_eq!(outcome, Assignment::Exists(AssignmentConflict::AlreadyExists));
        assert_eq!(client(&host).user_subscriptions(ANN).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn an_answer_cut_in_its_body_is_lost_too() {
    let host = builder(Personality::N).start().await;
    let cut = Reply::raw("application/json", "{\"code\":0,\"message\":\"success\"}").truncate_bytes(9, Cut::Eof);
    host.fail(AdminFault::answer("POST", "/api/v1/admin/subscriptions/assign", cut));
    lost(client(&host).assign(&subscription()).await);
}

#[tokio::test]
async fn nothing_has_happened_where_nobody_listens() {
    let host = builder(Personality::N).start().await;
    let client = client(&host);
    host.kill().await;
    let error = client.assign(&subscription()).await.unwrap_err();
    assert!(!error.may_have_happened() && error.is_transient(), "{error:?}");
    assert_eq!((error.as_str(), error.fault()), ("transport", Fault::Network));
}

//! What goes out: one credential, in its place, and nothing that an old host does not know.

use std::num::NonZeroU32;

use relay_domain::{Secret, Timestamp};
use relay_hosts::admin::{KeyChanges, KeyStatus, UserChanges, UserStatus};
use relay_testkit::{FakeHost, Personality, Received};
use serde_json::json;

use crate::support::{
    ADMIN_KEY, ANN, ANN_EMAIL, GROUP, ann_password, builder, client, client_by_login, new_key, new_user, subscribe,
    subscription,
};

fn sent(host: &FakeHost, path: &str) -> Received {
    host.received_on(path).pop().unwrap_or_else(|| panic!("{path} was not called"))
}

fn credentials(call: &Received) -> (Option<&str>, Option<&str>) {
    (call.header("x-api-key"), call.bearer())
}

#[tokio::test]
async fn every_credential_stays_in_its_place() {
    let host = builder(Personality::N).key("sk-shared").start().await;
    let admin = client(&host);
    admin.active_groups().await.unwrap();
    assert_eq!(credentials(&sent(&host, "/api/v1/admin/groups/all")), (Some(ADMIN_KEY), None));
    admin.public_settings().await.unwrap();
    assert_eq!(credentials(&sent(&host, "/api/v1/settings/public")), (None, None));
    let key = Secret::new("sk-shared");
    admin.key_usage(&key).await.unwrap();
    admin.key_models(&key).await.unwrap();
    admin.key_billing(&key).await.unwrap();
    for path in ["/v1/usage", "/v1/models", "/v1/sub2api/billing"] {
        assert_eq!(credentials(&sent(&host, path)), (None, Some("sk-shared")), "{path}");
    }
    admin.log_in_as(ANN_EMAIL, &ann_password()).await.unwrap().keys().await.unwrap();
    assert_eq!(credentials(&sent(&host, "/api/v1/auth/login")), (None, None));
    let of_ann = sent(&host, "/api/v1/keys");
    assert!(of_ann.header("x-api-key").is_none() && of_ann.bearer().is_some_and(|token| token.starts_with("eyJ")));
    client_by_login(&host).active_groups().await.unwrap();
    let by_login = sent(&host, "/api/v1/admin/groups/all");
    assert!(by_login.header("x-api-key").is_none() && by_login.bearer().is_some());
}

#[tokio::test]
async fn a_call_says_who_we_are_and_takes_json() {
    let host = builder(Personality::N).start().await;
    client(&host).assign(&subscription()).await.unwrap();
    let call = sent(&host, "/api/v1/admin/subscriptions/assign");
    assert_eq!((call.header("user-agent"), call.header("accept")), (Some("relay-manager"), Some("application/json")));
    assert_eq!(call.header("content-type"), Some("application/json"));
    assert_eq!(call.header("host"), Some(host.base_url().trim_start_matches("http://")));
    assert_eq!(call.header("idempotency-key"), None);
}

#[tokio::test]
async fn writes_hold_only_what_the_oldest_version_knows() {
    let host = builder(Personality::S).start().await;
    let admin = client(&host);
    admin.create_user(&new_user("new@relay.example")).await.unwrap();
    assert_eq!(
        sent(&host, "/api/v1/admin/users").json(),
        json!({"email": "new@relay.example", "password": "secret-of-new", "username": "new", "notes": "tag", "concurrency": 3})
    );
    let changes = UserChanges {
        notes: Some("other".to_owned()),
        concurrency: NonZeroU32::new(9),
        status: Some(UserStatus::Active),
        ..UserChanges::default()
    };
    admin.update_user(ANN, &changes).await.unwrap();
    assert_eq!(
        sent(&host, "/api/v1/admin/users/2").json(),
        json!({"notes": "other", "concurrency": 9, "status": "active"})
    );
    admin.assign(&subscription()).await.unwrap();
    assert_eq!(
        sent(&host, "/api/v1/admin/subscriptions/assign").json(),
        json!({"user_id": 2, "group_id": 7, "validity_days": 30, "notes": "tag"})
    );
    let ann = admin.log_in_as(ANN_EMAIL, &ann_password()).await.unwrap();
    assert_eq!(sent(&host, "/api/v1/auth/login").json(), json!({"email": ANN_EMAIL, "password": "secret-of-ann"}));
    let key = ann.create_key(&new_key("sk-relay-0123456789"), None).await.unwrap();
    assert_eq!(
        sent(&host, "/api/v1/keys").json(),
        json!({"name": "relay", "group_id": 7, "custom_key": "sk-relay-0123456789"})
    );
    let changes = KeyChanges { status: Some(KeyStatus::Inactive), ..KeyChanges::default() };
    ann.update_key(key.id, &changes).await.unwrap();
    assert_eq!(sent(&host, "/api/v1/keys/1").json(), json!({"status": "inactive"}));
}

#[tokio::test]
async fn what_no_host_takes_is_not_sent() {
    let host = builder(Personality::N).start().await;
    subscribe(&host);
    let admin = client(&host);
    let ann = admin.log_in_as(ANN_EMAIL, &ann_password()).await.unwrap();
    let calls = host.received().len();
    let mut long = new_key("sk-relay-0123456789");
    long.name = "x".repeat(101);
    let other = KeyChanges { status: Some(KeyStatus::Expired), ..KeyChanges::default() };
    let odd = UserChanges { status: Some(UserStatus::Other), ..UserChanges::default() };
    let errors = [
        ann.create_key(&long, None).await.unwrap_err(),
        ann.update_key(relay_hosts::admin::RemoteKeyId(1), &other).await.unwrap_err(),
        admin.update_user(ANN, &odd).await.unwrap_err(),
        admin.key_usage(&Secret::new("sk-\n-canary")).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.as_str(), "unsendable", "{error}");
        assert!(!error.to_string().contains("canary"));
    }
    assert_eq!(host.received().len(), calls);
}

#[tokio::test]
async fn an_idempotency_key_goes_out_where_it_counts() {
    let host = builder(Personality::N).start().await;
    subscribe(&host);
    let admin = client(&host);
    let capabilities = admin.probe(None, Timestamp::UNIX_EPOCH).await.unwrap();
    let once = capabilities.idempotency_key("ensure-ann-1").expect("this host minds them");
    let ann = admin.log_in_as(ANN_EMAIL, &ann_password()).await.unwrap();
    let new = relay_hosts::admin::NewKey { name: "relay".to_owned(), group: Some(GROUP), custom_key: None };
    let (first, second) = (ann.create_key(&new, Some(&once)).await, ann.create_key(&new, Some(&once)).await);
    assert_eq!(first.unwrap().key, second.unwrap().key);
    assert_eq!(sent(&host, "/api/v1/keys").header("idempotency-key"), Some("ensure-ann-1"));
    let old = builder(Personality::S).start().await;
    let capabilities = client(&old).probe(None, Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(capabilities.idempotency_key("ensure-ann-1"), None);
}

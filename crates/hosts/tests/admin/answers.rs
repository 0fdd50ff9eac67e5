//! What comes back may be late, huge, somebody else's or of another version.

use relay_hosts::admin::{AdminError, Fault, GroupStatus, RemoteGroupId, SubscriptionStatus};
use relay_testkit::{AdminFault, FakeHost, Gate, Personality, Reply};
use serde_json::{Value, json};

use crate::support::{ANN, builder, calls, client, clients, host_at, impatient, key_access, subscription};

const GROUPS: &str = "/api/v1/admin/groups";

async fn groups_answered(reply: Reply) -> AdminError {
    let host = builder(Personality::N).start().await;
    host.fail(AdminFault::answer("GET", GROUPS, reply));
    client(&host).groups().await.expect_err("nothing usable")
}

#[tokio::test]
async fn a_web_page_is_not_the_admin_api() {
    let error = groups_answered(Reply::html()).await;
    assert_eq!((error.as_str(), error.fault()), ("not_api", Fault::Configuration));
    assert!(error.to_string().contains("a web page") && error.remedy().contains("base_url"), "{error}");
    let host = builder(Personality::N).start().await;
    let elsewhere = host_at("b", &format!("{}/panel", host.base_url()), key_access());
    let error = clients().of(&elsewhere).probe(None, relay_domain::Timestamp::UNIX_EPOCH).await.unwrap_err();
    assert_eq!(error.as_str(), "not_api", "{error}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = FakeHost::start().await;
    let error = groups_answered(Reply::redirect(302, &format!("{}{GROUPS}", elsewhere.base_url()))).await;
    assert!(matches!(error, AdminError::NotApi { status: 302, what: "a redirect" }), "{error}");
    assert!(elsewhere.received().is_empty());
}

#[tokio::test]
async fn a_proxys_own_page_is_a_fault_of_the_host() {
    let error = groups_answered(Reply::raw("text/html", "<h1>Bad gateway</h1>").status(502)).await;
    assert!(matches!(&error, AdminError::HostFault(refusal) if refusal.status == 502), "{error}");
    assert!(error.is_transient());
}

#[tokio::test]
async fn an_older_version_lacks_a_call() {
    let host = builder(Personality::S).start().await;
    let error = client(&host).ops_concurrency(None).await.unwrap_err();
    assert_eq!(error.to_string(), "it has no GET /api/v1/admin/ops/concurrency");
    assert!(!error.is_transient());
    assert_eq!(client(&host).compliance().await.unwrap(), None);
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_waited_for_no_longer_than_said() {
    let host = builder(Personality::N).start().await;
    let gate = Gate::new();
    host.fail(AdminFault::hold_after("POST", "/api/v1/admin/subscriptions/assign", &gate));
    let impatient = impatient(&host);
    let wanted = subscription();
    let (outcome, ()) = tokio::join!(impatient.assign(&wanted), gate.reached());
    let error = outcome.unwrap_err();
    assert!(matches!(error, AdminError::Timeout) && error.may_have_happened());
    assert_eq!(client(&host).user_subscriptions(ANN).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_answer_without_an_end_is_not_read_to_it() {
    let huge = Reply::raw("application/json", vec![b' '; 9 * 1024 * 1024]);
    assert!(matches!(groups_answered(huge).await, AdminError::Body));
}

async fn read_groups(items: &Value) -> Vec<relay_hosts::admin::Group> {
    let host = builder(Personality::N).start().await;
    let page = json!({"code": 0, "data": {"items": items, "total": 1, "page": 1, "page_size": 20, "pages": 1}});
    host.fail(AdminFault::status("GET", GROUPS, 200, &page));
    client(&host).groups().await.unwrap()
}

#[tokio::test]
async fn missing_unknown_and_null_fields_are_no_obstacle() {
    let sparse = &read_groups(&json!([{"id": 5, "name": null, "status": "archived", "shape": {"new": [1]}}])).await[0];
    assert_eq!((sparse.id, sparse.name.as_str(), sparse.status), (RemoteGroupId(5), "", GroupStatus::Other));
    assert!(read_groups(&Value::Null).await.is_empty());
    let host = builder(Personality::N).start().await;
    let row = json!({"id": 1, "user_id": 2, "group_id": 7, "status": "frozen", "expires_at": "0001-01-01T00:00:00Z"});
    host.fail(AdminFault::status(
        "GET",
        "/api/v1/admin/users/*/subscriptions",
        200,
        &json!({"code": 0, "data": [row]}),
    ));
    let rows = client(&host).user_subscriptions(ANN).await.unwrap();
    assert_eq!(rows[0].status, SubscriptionStatus::Other);
}

#[tokio::test]
async fn an_entry_without_an_id_is_no_entry() {
    let host = builder(Personality::N).start().await;
    let page = json!({"code": 0, "data": {"items": [{"name": "pool"}], "total": 1}});
    host.fail(AdminFault::status("GET", GROUPS, 200, &page));
    assert_eq!(client(&host).groups().await.unwrap_err().as_str(), "not_api");
}

#[tokio::test]
async fn a_dropped_call_is_over() {
    let host = builder(Personality::N).start().await;
    let gate = Gate::new();
    host.fail(AdminFault::hold_before("GET", GROUPS, &gate));
    let client = client(&host);
    tokio::select! {
        _ = client.groups() => panic!("the gate is closed"),
        () = gate.reached() => {}
    }
    host.wait_connections(0).await;
    assert_eq!(calls(&host, GROUPS), 1);
}

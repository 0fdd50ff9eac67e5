//! Names of models that a host's accounts map, patterns among them.

use relay_testkit::{FakeAccount, Personality};
use serde_json::{Value, json};

use crate::hosts::{USER, kinds, probe_over, server, sync};

const MAPPING: [(&str, &str); 3] = [("gpt-5*", "gpt-5-2025"), ("shadow-a", "other"), ("gpt-5-pro*", "gpt-5-pro")];

fn told(models: &Value, list: &str) -> Vec<[Value; 3]> {
    let items = models[list].as_array().into_iter().flatten();
    items.map(|it| ["public_model", "shadow_model", "maps_to"].map(|name| it[name].clone())).collect()
}

#[tokio::test]
async fn a_pattern_becomes_a_route_by_prefix_after_a_preview_and_is_served() {
    let (host, server) = server(Personality::N).await;
    probe_over(&server, "r-1").await;
    host.panel(|panel| panel.accounts = vec![FakeAccount::new(1, 7).mapping(&MAPPING)]);
    let synced = sync(&server).await.ok();
    assert_eq!(kinds(&synced), Vec::<String>::new(), "the route's model is mapped: {synced}");
    let request = json!({ "shadow_group_id": "pool", "logical_group_id": "gpt" });
    let preview = server.post("/api/v1/hosts/a/models", &request).await.ok();
    let expected =
        [["gpt-5*", "", "gpt-5-2025"].map(|it| json!(it)), ["gpt-5-pro*", "", "gpt-5-pro"].map(|it| json!(it))];
    assert_eq!(told(&preview, "added"), expected, "{preview}");
    assert_eq!((told(&preview, "present").len(), told(&preview, "gone").len()), (1, 0));

    let apply = json!({ "shadow_group_id": "pool", "logical_group_id": "gpt", "apply": true });
    server.post("/api/v1/hosts/a/models", &apply).await.ok();
    let request = json!({
        "request_id": "r-2", "public_model": "gpt-5-mini", "gateway_api_key": null, "subscription_user_id": USER,
    });
    let served = server.proxy(&request).await.ok();
    assert_eq!((&served["forward"]["ok"], &served["forward"]["shadow_model"]), (&json!(true), &json!("gpt-5-mini")));
    let again = server.post("/api/v1/hosts/a/models", &apply).await.ok();
    assert_eq!((told(&again, "added").len(), &again["generation"]), (0, &Value::Null));
}

#[tokio::test]
async fn to_an_older_host_a_star_is_a_character_like_any_other() {
    let (host, server) = server(Personality::S).await;
    // It has no chat completions; the key is had all the same.
    probe_over(&server, "r-1").await;
    host.panel(|panel| panel.accounts = vec![FakeAccount::new(1, 7).mapping(&MAPPING)]);
    sync(&server).await.ok();
    let request = json!({ "shadow_group_id": "pool", "logical_group_id": "gpt" });
    let preview = server.post("/api/v1/hosts/a/models", &request).await.ok();
    assert!(told(&preview, "added").iter().all(|[name, ..]| !name.as_str().unwrap_or_default().contains('*')));
    assert_eq!(told(&preview, "present").len(), 1, "exact names are mapped there, too: {preview}");
}

#[tokio::test]
async fn a_group_with_an_account_that_takes_every_model_lacks_none() {
    let (host, server) = server(Personality::N).await;
    probe_over(&server, "r-1").await;
    assert_eq!(kinds(&sync(&server).await.ok()), ["model_missing"]);
    host.panel(|panel| panel.accounts = vec![FakeAccount::new(1, 7)]);
    assert_eq!(kinds(&sync(&server).await.ok()), Vec::<String>::new());
    let request = json!({ "shadow_group_id": "pool", "logical_group_id": "gpt" });
    let preview = server.post("/api/v1/hosts/a/models", &request).await.ok();
    assert!(!told(&preview, "added").is_empty() && told(&preview, "gone").is_empty(), "{preview}");
    assert!(told(&preview, "added").iter().all(|[name, ..]| name != "*"), "no route for every name");
}

//! Lists, their pages and filters; bindings and managed resources.

use relay_testkit::FakeHost;
use serde_json::{Value, json};

use crate::support::{Server, tiers};

async fn ids(server: &Server, path: &str, field: &str) -> Vec<String> {
    let list = server.get(path).await.ok();
    list["items"].as_array().expect("items").iter().map(|item| item[field].as_str().expect("text").to_owned()).collect()
}

#[tokio::test]
async fn the_fleet_is_listed_without_a_secret() {
    let host = FakeHost::start().await;
    let key = "[[key]]\nkey_id = \"team-a\"\nsecret = \"sk-canary-key-0123456789\"\nlogical_groups = [\"gpt\"]\n";
    let server = Server::with_fleet(&format!("{}{key}", tiers(&[("a", &host)]))).await;
    for (noun, id) in [("hosts", "a"), ("groups", "gpt"), ("routes", "gpt-a"), ("keys", "team-a")] {
        let list = server.get(&format!("/api/v1/{noun}")).await;
        assert!(!list.text.contains("sk-"), "{}", list.text);
        insta::assert_json_snapshot!(noun, list.ok(), { ".items[].base_url" => "[url]" });
        assert_eq!(server.get(&format!("/api/v1/{noun}/{id}")).await.ok(), list.ok()["items"][0]);
        let missing = server.get(&format!("/api/v1/{noun}/none")).await.error();
        assert_eq!((missing.0, missing.1.as_str()), (404, "not_found"));
    }
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repeat() {
    let groups: String = (0..7).map(|n| format!("[[group]]\nlogical_group_id = \"g-{n}\"\n")).collect();
    let server = Server::with_fleet(&groups).await;
    let mut seen = Vec::new();
    let mut path = "/api/v1/groups?limit=3".to_owned();
    let mut pages = 0;
    loop {
        let page = server.get(&path).await.ok();
        seen.extend(page["items"].as_array().expect("items").iter().map(|item| item["logical_group_id"].clone()));
        pages += 1;
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/v1/groups?limit=3&cursor={cursor}");
    }
    assert_eq!(pages, 3);
    assert_eq!(seen, (0..7).map(|n| json!(format!("g-{n}"))).collect::<Vec<_>>());
    assert_eq!(server.get("/api/v1/groups?limit=7").await.ok()["next_cursor"], Value::Null);
}

#[tokio::test]
async fn routes_and_keys_are_filtered() {
    let (a, b) = (FakeHost::start().await, FakeHost::start().await);
    let keys = "[[group]]\nlogical_group_id = \"other\"\n[[key]]\nkey_id = \"k-1\"\nlogical_groups = [\"gpt\"]\n\
                [[key]]\nkey_id = \"k-2\"\nlogical_groups = [\"other\"]\n";
    let server = Server::with_fleet(&format!("{}{keys}", tiers(&[("a", &a), ("b", &b)]))).await;
    assert_eq!(ids(&server, "/api/v1/routes?shadow_host_id=b", "route_id").await, ["gpt-b"]);
    assert_eq!(ids(&server, "/api/v1/routes?logical_group_id=gpt&public_model=gpt-5", "route_id").await.len(), 2);
    assert!(ids(&server, "/api/v1/routes?public_model=x", "route_id").await.is_empty());
    assert_eq!(ids(&server, "/api/v1/keys?logical_group_id=other", "key_id").await, ["k-2"]);
    let patch = async |path: &str, patch: Value| {
        server
            .send(crate::support::ADMIN, http::Method::PATCH, &format!("/api/v1/{path}"), patch.to_string())
            .await
            .ok()
    };
    patch("hosts/b", json!({"enabled": false})).await;
    patch("routes/gpt-b", json!({"enabled": false})).await;
    patch("groups/other", json!({"enabled": false})).await;
    patch("keys/k-1", json!({"enabled": false, "label": "Team Alpha", "subscription_user": "a@x.example"})).await;
    for (path, field, expected) in [
        ("hosts?kind=openai", "host_id", &["a", "b"][..]),
        ("hosts?kind=sub2api", "host_id", &[]),
        ("hosts?enabled=true", "host_id", &["a"]),
        ("groups?enabled=false", "logical_group_id", &["other"]),
        ("routes?enabled=true", "route_id", &["gpt-a"]),
        ("routes?credential=caller", "route_id", &[]),
        ("keys?enabled=true", "key_id", &["k-2"]),
        ("keys?label=team%20al", "key_id", &["k-1"]),
        ("keys?origin=api", "key_id", &[]),
        ("keys?subscription_user=a@x.example", "key_id", &["k-1"]),
        ("keys?subscription_user=b@x.example", "key_id", &[]),
    ] {
        assert_eq!(ids(&server, &format!("/api/v1/{path}"), field).await, expected, "{path}");
    }
}

#[tokio::test]
async fn unknown_and_bad_parameters_are_refused_by_name() {
    let server = Server::empty().await;
    let check = async |path: &str, message: &str| {
        let (status, code, found) = server.get(path).await.error();
        assert_eq!((status, code.as_str(), found.as_str()), (400, "invalid_request", message), "{path}");
    };
    check("/api/v1/hosts?colour=red", "colour is unknown; known here: limit, cursor, kind, enabled").await;
    check("/api/v1/hosts?kind=vast&enabled=1", "kind must be sub2api or openai; enabled must be true or false").await;
    check("/api/v1/hosts?limit=0", "limit must be a number from 1 to 500").await;
    check("/api/v1/hosts?limit=501", "limit must be a number from 1 to 500").await;
    check(
        "/api/v1/hosts?limit=x&limits=1",
        "limit must be a number from 1 to 500; limits is unknown; known here: limit, cursor, kind, enabled",
    )
    .await;
    check("/api/v1/hosts?limit=1&limit=2", "limit is given twice").await;
    check("/api/v1/hosts/a?x=1", "x is unknown; known here: nothing").await;
    check("/api/v1/bindings?sticky_key=zz", "sticky_key must be 32 hexadecimal digits").await;
    check("/api/v1/bindings?cursor=zz", "cursor is not one that this list returned").await;
    check("/api/v1/generations?cursor=zz", "cursor is not one that this list returned").await;
    check("/api/v1/decisions?cursor=zz", "cursor is not one that this list returned").await;
    // ["gpt"]
    check("/api/v1/usage?cursor=5b22677074225d", "cursor is not one that this list returned").await;
    check("/api/v1/usage?by=group,host&cursor=5b22677074225d", "cursor is not one that this list returned").await;
    server.get("/api/v1/usage?by=group&cursor=5b22677074225d").await.ok();
    server.get("/api/v1/usage?by=group,group&cursor=5b22677074225d").await.ok();
    check("/api/v1/decisions?from=yesterday", "from must be a time such as 2026-10-01T12:00:00Z").await;
    check("/api/v1/managed-resources?type=room", "type must be group, user, subscription or key").await;
}

#[tokio::test]
async fn bindings_are_listed_looked_up_and_purged_on_record() {
    let (a, b) = (FakeHost::start().await, FakeHost::start().await);
    let fleet = tiers(&[("a", &a), ("b", &b)]).replace("priority = 2", "priority = 1");
    let server = Server::with_fleet(&fleet).await;
    for subject in 0..40 {
        server.resolve(&json!({"request_id": format!("r-{subject}"), "subject_id": format!("s-{subject}")})).await.ok();
    }
    let all = ids(&server, "/api/v1/bindings", "sticky_key").await;
    assert_eq!(all.len(), 40);
    let on_a = ids(&server, "/api/v1/bindings?route_id=gpt-a", "sticky_key").await;
    let on_b = ids(&server, "/api/v1/bindings?host_id=b", "sticky_key").await;
    assert_eq!(on_a.len() + on_b.len(), 40);
    let page = server.get("/api/v1/bindings?limit=30").await.ok();
    let rest =
        server.get(&format!("/api/v1/bindings?cursor={}", page["next_cursor"].as_str().expect("text"))).await.ok();
    assert_eq!(rest["items"].as_array().map(Vec::len), Some(10));

    let one = format!("/api/v1/bindings/{}", on_a[0]);
    assert_eq!(server.get(&one).await.ok()["route_id"], "gpt-a");
    assert_eq!(server.delete(&one).await.ok(), json!({"purged": 1}));
    assert_eq!(
        (server.get(&one).await.status, server.delete(&one).await.status),
        (404.try_into().unwrap(), 404.try_into().unwrap())
    );
    assert_eq!(server.get("/api/v1/bindings/zz").await.status, 404);
    assert_eq!(server.delete("/api/v1/bindings?route_id=gpt-b").await.ok(), json!({"purged": on_b.len()}));
    // A filter that is not known must not purge everything.
    assert_eq!(server.delete("/api/v1/bindings?route=gpt-a").await.status, 400);
    assert_eq!(server.delete("/api/v1/bindings").await.ok(), json!({"purged": on_a.len() - 1}));
    let audit = server.get("/api/v1/audit?limit=2").await.ok();
    let entry = &audit["items"][1];
    assert_eq!((&entry["action"], &entry["actor"]), (&json!("bindings.purge"), &json!("ann")));
    assert!(audit["items"].as_array().is_some_and(|items| items.iter().all(|item| item["action"] == "bindings.purge")));
}

#[tokio::test]
async fn managed_resources_are_recorded_once_and_forgotten() {
    let host = FakeHost::start().await;
    let server = Server::with_fleet(&tiers(&[("a", &host)])).await;
    let path = "/api/v1/managed-resources";
    let resource = json!({"host_id": "a", "type": "group", "name": " pool ", "remote_id": "12"});
    let created = server.post(path, &resource).await;
    assert_eq!(created.status, 201);
    insta::assert_json_snapshot!("managed_resource", created.json());
    assert_eq!(server.post(path, &resource).await.error().1, "already_exists");
    assert_eq!(
        server.post(path, &json!({"host_id": "b", "type": "group", "name": "x", "remote_id": "1"})).await.error().0,
        404
    );
    let faults = server.post(path, &json!({"host_id": 5, "type": "group", "nam": "x"})).await.error().2;
    assert_eq!(
        faults,
        "host_id must be a string; name is required; remote_id is required; \
         nam is unknown; known here: host_id, type, name, remote_id"
    );
    assert_eq!(
        server.post(path, &json!({"host_id": "a", "type": "room", "name": "x", "remote_id": "1"})).await.error().2,
        "type must be group, user, subscription or key"
    );
    assert_eq!(server.get(path).await.ok()["items"], json!([created.json()]));
    assert_eq!(server.get(&format!("{path}?type=user")).await.ok()["items"], json!([]));
    assert_eq!(server.delete(path).await.error().0, 400);
    let one = format!("{path}?host_id=a&type=group&name=pool");
    assert_eq!(server.delete(&one).await.status, 204);
    assert_eq!(server.delete(&one).await.status, 404);
    let actions = ids(&server, "/api/v1/audit", "action").await;
    assert_eq!(actions[..2], ["managed_resources.delete", "managed_resources.create"]);
}

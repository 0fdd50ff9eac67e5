//! Every list is keyset-paged and filtered (spec §8), whichever it is: a new one has to be in the table.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::Method;
use jiff::SignedDuration;
use relay_domain::HostId;
use relay_store::{AccessStore as _, Event, EventStore as _, GrantName, HostStore as _, Observation, Severity};
use serde_json::{Value, json};

use crate::furnished::{USER, filled, server, unnamed};
use crate::support::{ADMIN, Server, start_of_time};

/// Each list, and what names an entry of it.
const LISTS: &[(&str, &[&str])] = &[
    ("/hosts", &["host_id"]),
    ("/hosts/{id}/objects", &["type", "name"]),
    ("/groups", &["logical_group_id"]),
    ("/routes", &["route_id"]),
    ("/keys", &["key_id"]),
    ("/bindings", &["sticky_key"]),
    ("/decisions", &["request_id"]),
    ("/managed-resources", &["name"]),
    ("/hosts/{id}/results", &["work"]),
    ("/access", &["subscription_user", "group_id"]),
    ("/events", &["event_id"]),
    ("/observations", &["observation_id"]),
    ("/generations", &["generation"]),
    ("/audit", &["id"]),
    ("/usage?by=group", &["logical_group_id"]),
    ("/prices?model=gpt-5", &["table", "model", "above_input", "from"]),
    ("/notifications/channels", &["id"]),
    ("/notifications/deliveries", &["id"]),
    ("/tokens", &["token_id"]),
    // Two lists, one after the other.
    ("/health", &["host_id", "route_id"]),
];

/// Its entries are work that is under way: there is none while nobody waits for it.
const MOSTLY_EMPTY: &str = "/hosts/{id}/progress";

/// The schema, and those that it is made of.
fn parts<'d>(document: &'d Value, schema: &'d Value) -> Vec<&'d Value> {
    let schema = match schema["$ref"].as_str() {
        Some(path) => document.pointer(path.trim_start_matches('#')).expect("a schema"),
        None => schema,
    };
    let inner = schema["allOf"].as_array().into_iter().flatten().flat_map(|part| parts(document, part));
    std::iter::once(schema).chain(inner).collect()
}

#[tokio::test]
async fn every_list_takes_a_page_and_filters_and_is_in_this_table() {
    let server = Server::empty().await;
    let document = server.get("/api/v1/openapi.json").await.ok();
    let mut found = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        let operation = &methods["get"];
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        let parts = parts(&document, schema);
        let has = |name: &str| parts.iter().any(|part| !part["properties"][name].is_null());
        if !parts.iter().any(|part| part["type"] == "array") && !has("items") && !has("next_cursor") {
            continue;
        }
        let named: Vec<&str> = operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|one| one["in"] == "query")
            .filter_map(|one| one["name"].as_str())
            .collect();
        assert!(named.contains(&"limit") && named.contains(&"cursor"), "{path} is not paged: {named:?}");
        assert!(named.len() > 2, "{path} has no filter");
        let is_told =
            |part: &&Value| part["required"].as_array().is_some_and(|all| all.contains(&json!("next_cursor")));
        assert!(parts.iter().any(is_told), "{path}");
        found.insert(unnamed(path.strip_prefix("/api/v1").expect("below /api/v1")));
    }
    let told = LISTS.iter().map(|(path, _)| *path).chain([MOSTLY_EMPTY]).map(unnamed);
    assert_eq!(found, told.collect());
}

/// Two of everything.
async fn two_of_each() -> Server {
    let (host, server) = server().await;
    let make = async |path: &str, body: Value| {
        let made = server.post(&format!("/api/v1{path}"), &body).await;
        assert!(made.status.is_success(), "{path}: {}", made.text);
    };
    make("/hosts", json!({"host_id": "b", "base_url": "https://b.example", "gateway_key": "sk-b"})).await;
    make("/groups", json!({"logical_group_id": "o"})).await;
    let route = json!({"route_id": "r", "logical_group_id": "o", "public_model": "gpt-5", "shadow_host_id": "b",
        "shadow_group_id": "1", "credential": "host_key"});
    make("/routes", route).await;
    make("/keys", json!({"key_id": "k", "logical_groups": ["o"]})).await;
    for (name, group) in [("r-1", "gpt"), ("r-2", "o")] {
        server.resolve(&json!({"request_id": name, "logical_group_id": group, "sync": true})).await.ok();
        make("/managed-resources", json!({"host_id": "a", "type": "group", "name": name, "remote_id": "1"})).await;
    }
    let channel =
        json!({"id": "second", "type": "webhook", "url": host.base_url(), "secret": "s", "allow_private": true});
    make("/notifications/channels", channel).await;
    for channel in ["ops", "second"] {
        make(&format!("/notifications/channels/{channel}/test"), json!({})).await;
    }
    let put_on_record = |n: i64| {
        let host = HostId::new("a").expect("an id");
        let event = Event {
            id: 0,
            at: start_of_time(),
            kind: "price_change".into(),
            severity: Severity::Info,
            host: Some(host.clone()),
            subject: format!("group:{n}"),
            message: String::new(),
            details: Value::Null,
        };
        let seen = Observation {
            id: 0,
            at: start_of_time(),
            host: host.clone(),
            kind: "multiplier".into(),
            subject: format!("group:{n}"),
            value: json!(n),
        };
        (event, seen, GrantName { host, user: Arc::from(USER), group_id: n })
    };
    let ((event, seen, grant), (event2, seen2, grant2)) = (put_on_record(7), put_on_record(8));
    server.store.record_events(&[event, event2]).await.expect("is written");
    server.store.observe(&[seen, seen2]).await.expect("is written");
    server.store.ask_for_grants(&[grant, grant2], false, start_of_time()).await.expect("is written");
    for work in ["sync", "probe"] {
        server.send(ADMIN, Method::POST, &format!("/api/v1/hosts/a/{work}"), "").await.ok();
    }
    // What was used in an hour counts once a later one is asked for.
    server.clock.advance(SignedDuration::from_mins(1));
    server
}

#[tokio::test]
async fn pages_of_every_list_follow_each_other_without_gap_or_repeat() {
    let server = two_of_each().await;
    for (path, names) in LISTS {
        let path = filled(path);
        let page = async |limit: u32, cursor: Option<&str>| {
            let mark = if path.contains('?') { '&' } else { '?' };
            let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
            let page = server.get(&format!("{path}{mark}limit={limit}{cursor}")).await.ok();
            let name = |item: &Value| names.iter().map(|name| item[*name].to_string()).collect::<Vec<_>>();
            let entries = ["items", "hosts", "routes"].into_iter().filter_map(|list| page[list].as_array()).flatten();
            let items: Vec<_> = entries.map(name).collect();
            (items, page["next_cursor"].as_str().map(str::to_owned))
        };
        let (whole, end) = page(500, None).await;
        assert!(whole.len() > 1 && end.is_none(), "{path}: {whole:?}");
        let (mut paged, mut cursor) = page(1, None).await;
        while let Some(at) = cursor.take() {
            let (more, next) = page(1, Some(&at)).await;
            // The log may find out with an empty page that there is no more.
            assert!(more.len() <= 1, "{path}: a page after {paged:?} has {more:?}");
            paged.extend(more);
            cursor = next;
        }
        assert_eq!(paged, whole, "{path}");
    }
    let csv = server.get("/api/v1/usage?format=csv&limit=1").await;
    assert_eq!(csv.error().2, "limit is for JSON; a CSV is the whole table");
}

#[tokio::test]
async fn a_cursor_of_no_list_is_told_with_what_else_is_wrong() {
    let server = two_of_each().await;
    for path in LISTS.iter().map(|(path, _)| *path).chain([MOSTLY_EMPTY]) {
        let (path, mark) = (filled(path), if path.contains('?') { '&' } else { '?' });
        let answer = server.get(&format!("{path}{mark}cursor=zz&limit=0&lost=1")).await;
        let told = "limit must be a number from 1 to 500; cursor is not one that this list returned; ";
        assert!(answer.error().2.starts_with(told), "{path}: {}", answer.text);
        assert!(answer.error().2.contains("lost is unknown"), "{path}: {}", answer.text);
        for foreign in ["7b7d", "-1", "%2B1"] {
            let answer = server.get(&format!("{path}{mark}cursor={foreign}")).await;
            assert_eq!(answer.error().2, "cursor is not one that this list returned", "{path}: {foreign}");
        }
    }
}

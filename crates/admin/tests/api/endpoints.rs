//! What holds of every endpoint: whose token is enough, that nothing unknown is ignored, and that
//! each change is on record with what was before and after, and no secret.

use std::collections::BTreeSet;

use http::Method;
use relay_testkit::Reply;
use serde_json::{Value, json};

use crate::furnished::{filled, server, unnamed};
use crate::support::{ADMIN, OPERATOR, Server, VIEWER};

/// Every endpoint below `/api/v1`, with the least role that may call it.
const ENDPOINTS: &str = "
POST   operator /resolve-route
POST   operator /proxy-route-chat-completions
POST   operator /route-chat-completions
POST   operator /plan
POST   operator /simulate
POST   admin    /apply
GET    viewer   /export
GET    viewer   /hosts
POST   admin    /hosts
GET    viewer   /hosts/{id}
PATCH  admin    /hosts/{id}
DELETE admin    /hosts/{id}
GET    viewer   /hosts/{id}/capabilities
GET    viewer   /hosts/{id}/objects
GET    viewer   /hosts/{id}/progress
GET    viewer   /hosts/{id}/results
POST   operator /hosts/{id}/probe
POST   operator /hosts/{id}/sync
POST   admin    /hosts/{id}/drain
POST   admin    /hosts/{id}/models
POST   operator /hosts/{id}/reconcile
GET    viewer   /groups
POST   admin    /groups
GET    viewer   /groups/{id}
PATCH  admin    /groups/{id}
DELETE admin    /groups/{id}
GET    viewer   /routes
POST   admin    /routes
GET    viewer   /routes/{id}
PATCH  admin    /routes/{id}
DELETE admin    /routes/{id}
GET    viewer   /keys
POST   admin    /keys
GET    viewer   /keys/{id}
PATCH  admin    /keys/{id}
DELETE admin    /keys/{id}
POST   admin    /keys/{id}/rotate
GET    viewer   /bindings
DELETE operator /bindings
GET    viewer   /bindings/{id}
DELETE operator /bindings/{id}
GET    viewer   /decisions
GET    viewer   /decisions/stream
GET    viewer   /decisions/{id}
GET    viewer   /decisions/{id}/explain
GET    viewer   /explain
GET    viewer   /managed-resources
POST   operator /managed-resources
DELETE operator /managed-resources
GET    viewer   /access
GET    viewer   /access/{host}/{user}/{group}
PUT    operator /access/{host}/{user}/{group}
DELETE operator /access/{host}/{user}/{group}
GET    viewer   /access-counts
POST   operator /access-ensure
POST   operator /access-rotate
GET    viewer   /events
GET    viewer   /observations
GET    viewer   /generations
GET    viewer   /generations/{id}
GET    viewer   /generations/{id}/diff
POST   admin    /generations/{id}/rollback
GET    viewer   /audit
GET    viewer   /health
POST   operator /health/clear-cooldowns
GET    viewer   /usage
GET    viewer   /prices
GET    viewer   /notifications/channels
POST   admin    /notifications/channels
GET    viewer   /notifications/channels/{id}
PATCH  admin    /notifications/channels/{id}
DELETE admin    /notifications/channels/{id}
POST   operator /notifications/channels/{id}/test
GET    viewer   /notifications/deliveries
GET    admin    /tokens
POST   admin    /tokens
GET    admin    /tokens/{id}
DELETE admin    /tokens/{id}
GET    viewer   /whoami
GET    viewer   /verify-log
";

/// Method, role and path of each.
fn endpoints() -> impl Iterator<Item = (Method, &'static str, &'static str)> {
    ENDPOINTS.trim().lines().map(|line| {
        let mut words = line.split_whitespace();
        let mut word = || words.next().expect("three words");
        (word().parse().expect("a method"), word(), word())
    })
}

#[tokio::test]
async fn the_table_has_every_endpoint_as_it_is_described() {
    let server = Server::empty().await;
    let told = endpoints().map(|(method, role, path)| (method.to_string(), role.to_owned(), unnamed(path)));
    let told: BTreeSet<_> = told.collect();
    let document = server.get("/api/v1/openapi.json").await.ok();
    let mut described = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            // What needs no token is for everybody.
            let Some(role) = operation["x-role"].as_str() else { continue };
            let path = path.strip_prefix("/api/v1").expect("below /api/v1");
            described.insert((method.to_uppercase(), role.to_owned(), unnamed(path)));
        }
    }
    assert_eq!(told, described);
}

#[tokio::test]
async fn each_endpoint_is_for_its_role_and_those_above() {
    let (_host, server) = server().await;
    let callers = [("", "none"), ("rma-unknown", "none"), (VIEWER, "viewer"), (OPERATOR, "operator"), (ADMIN, "admin")];
    let rank = |role: &str| ["none", "viewer", "operator", "admin"].iter().position(|name| *name == role);
    for (method, needed, path) in endpoints() {
        for (token, role) in callers {
            // Nothing is changed meanwhile: whoever may call it is refused for the parameter.
            let path = format!("{}?nonsense=1", filled(path));
            let answer = server.send(token, method.clone(), &path, "").await;
            let expected = match role {
                "none" => 401,
                role if rank(role) < rank(needed) => 403,
                _ => 400,
            };
            assert_eq!(answer.status.as_u16(), expected, "{role}: {method} {path}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn what_an_endpoint_does_not_know_is_refused_by_name() {
    let (_host, server) = server().await;
    for (method, _, path) in endpoints() {
        let path = filled(path);
        let answer = server.send(ADMIN, method.clone(), &format!("{path}?nonsense=1"), "").await;
        assert_eq!((answer.error().0, answer.error().1.as_str()), (400, "invalid_request"), "{method} {path}");
        let faults = answer.json()["error"]["details"].clone();
        let is_named = |fault: &Value| fault["field"] == "nonsense";
        assert!(faults.as_array().is_some_and(|all| all.iter().any(is_named)), "{method} {path}: {}", answer.text);
        let answer = server.send(ADMIN, method.clone(), &path, r#"{"nonsense": 1}"#).await;
        assert_eq!((answer.error().0, answer.error().1.as_str()), (400, "invalid_request"), "{method} {path}");
        let details = answer.json()["error"]["details"].clone();
        let names = details.as_array().cloned().unwrap_or_default();
        let names = |field: &str| names.iter().any(|fault| fault[field] == "nonsense");
        let takes_none = answer.error().2.contains("this endpoint takes no body");
        assert!(names("field") || names("path") || takes_none, "{method} {path}: {}", answer.text);
        let answer = server.send(ADMIN, method.clone(), &path, "[1]").await;
        assert_eq!(answer.status, 400, "{method} {path}: {}", answer.text);
    }
}

/// What is wrong with a body is told all at once, each with its place; and with what is wrong beside it.
#[tokio::test]
async fn all_faults_of_a_body_are_told_at_once() {
    let (_host, server) = server().await;
    for (method, path, body, places) in [
        (
            "POST",
            "hosts",
            json!({"kind": 5, "enabled": "no", "x": 1}),
            &["host_id", "kind", "base_url", "enabled", "x"][..],
        ),
        (
            "PATCH",
            "hosts/a",
            json!({"base_url": "nowhere", "ask_usage": 1, "gateway_key": 7}),
            &["base_url", "ask_usage", "gateway_key"],
        ),
        (
            "PATCH",
            "groups/gpt",
            json!({"sticky": {"ttl": 5, "skope": "user"}, "limits": []}),
            &["sticky.ttl", "sticky.skope", "limits"],
        ),
        (
            "POST",
            "routes",
            json!({"route_id": "a/b", "priority": 1.5}),
            &["route_id", "logical_group_id", "public_model", "shadow_host_id", "priority"],
        ),
        (
            "PATCH",
            "keys/team-a",
            json!({"models": "gpt", "expires_at": "soon", "limits": {"rpm": -1}}),
            &["expires_at", "models", "limits.rpm"],
        ),
        ("POST", "keys/team-a/rotate", json!({"overlap": "long", "x": 1}), &["overlap", "x"]),
        (
            "POST",
            "managed-resources",
            json!({"host_id": "a/b", "type": "room", "name": 5}),
            &["host_id", "type", "name", "remote_id"],
        ),
        ("POST", "hosts/a/reconcile", json!({"since": "yesterday", "x": 1}), &["since", "x"]),
        ("POST", "access-rotate", json!({"host_id": "a/b", "leaked": 1}), &["host_id", "leaked"]),
        ("POST", "tokens", json!({"role": "root", "x": 1}), &["label", "role", "x"]),
        (
            "POST",
            "simulate",
            json!({"down": ["a/b", 5], "slow": [{"host_id": "a", "ms": 1}, {"ms": -1, "x": 1}, 7], "x": 1}),
            &["down[0]", "down[1]", "slow[1].host_id", "slow[1].ms", "slow[1].x", "slow[2]", "x"],
        ),
        (
            "POST",
            "notifications/channels",
            json!({"id": "x", "type": "bark", "events": ["rain"]}),
            &["events", "device_key"],
        ),
        ("PATCH", "notifications/channels/ops", json!({"id": "x", "type": "bark", "url": 5}), &["id", "type", "url"]),
        ("POST", "tokens", json!({"label": "a\u{7}", "role": "root"}), &["label", "role"]),
        (
            "POST",
            "plan",
            json!({"hosts": [], "host": [{"host_id": "x"}, 5]}),
            &["hosts", "host[0].base_url", "host[1]"],
        ),
        (
            "POST",
            "apply",
            json!({"route": [{"route_id": "r", "weight": -1}]}),
            &["route[0].logical_group_id", "route[0].public_model", "route[0].shadow_host_id", "route[0].weight"],
        ),
        (
            "POST",
            "resolve-route",
            json!({"scope": 5, "logical_group_id": "gpt", "subject_id": "s"}),
            &["scope", "public_model"],
        ),
    ] {
        let method: Method = method.parse().expect("a method");
        for (query, more) in [("", &[][..]), ("?lost=1", &["lost"])] {
            let answer = server.send(ADMIN, method.clone(), &format!("/api/v1/{path}{query}"), body.to_string()).await;
            assert_eq!(answer.status, 400, "{path}: {}", answer.text);
            let details = answer.json()["error"]["details"].clone();
            let place = |fault: &Value| fault["path"].as_str().or(fault["field"].as_str()).map(str::to_owned);
            let found: BTreeSet<String> = details.as_array().into_iter().flatten().filter_map(place).collect();
            let expected = places.iter().chain(more).map(|place| (*place).to_owned()).collect();
            assert_eq!(found, expected, "{path}: {}", answer.text);
        }
    }
}

/// Method, path, name, body; action, subject, and what the details must have.
type Step<'s> = (&'static str, &'static str, &'s str, Value, &'static str, &'static str, &'static [&'static str]);

/// One call after the other: each must leave its entry, under its actor, with what was before and after.
#[tokio::test]
async fn every_change_is_on_record_with_before_and_after_and_no_secret() {
    let (host, server) = server().await;
    let fleet = server.get("/api/v1/export").await.text.replace("{ keep = true }", "\"canary-applied\"");
    let (to, key) = ("sk-canary-new", "sk-canary-consumer-0123456789");
    let bound = server.resolve(&json!({})).await.ok()["sticky_key"].as_str().expect("is bound").to_owned();
    let steps: Vec<Step<'_>> = vec![
        ("DELETE", "/bindings/{id}", &bound, Value::Null, "bindings.delete", "route:gpt-a", &["/before/bound_at"]),
        (
            "POST",
            "/groups",
            "",
            json!({"logical_group_id": "o"}),
            "groups.create",
            "group:o",
            &["/added/0/after/logical_group_id"],
        ),
        (
            "PATCH",
            "/groups/{id}",
            "o",
            json!({"enabled": false}),
            "groups.update",
            "group:o",
            &["/changed/0/fields/0/from", "/changed/0/fields/0/to"],
        ),
        (
            "POST",
            "/hosts",
            "",
            json!({"host_id": "b", "base_url": "https://b.example", "gateway_key": "sk-canary"}),
            "hosts.create",
            "host:b",
            &["/added/0/after/base_url"],
        ),
        (
            "PATCH",
            "/hosts/{id}",
            "b",
            json!({"gateway_key": to}),
            "hosts.update",
            "host:b",
            &["/changed/0/fields/0/from", "/changed/0/fields/0/to"],
        ),
        (
            "POST",
            "/routes",
            "",
            json!({"route_id": "r", "logical_group_id": "o", "public_model": "x", "shadow_host_id": "b"}),
            "routes.create",
            "route:r",
            &["/added/0/after/weight"],
        ),
        ("PATCH", "/routes/{id}", "r", json!({"weight": 5}), "routes.update", "route:r", &["/changed/0/fields/0/from"]),
        ("POST", "/hosts/{id}/drain", "b", json!({}), "hosts.drain", "route:r", &["/changed/0/fields/0/from"]),
        ("DELETE", "/routes/{id}", "r", Value::Null, "routes.delete", "route:r", &["/removed/0/before/weight"]),
        ("DELETE", "/hosts/{id}", "b", Value::Null, "hosts.delete", "host:b", &["/removed/0/before/base_url"]),
        ("DELETE", "/groups/{id}", "o", Value::Null, "groups.delete", "group:o", &["/removed/0/before/enabled"]),
        (
            "POST",
            "/keys",
            "",
            json!({"key_id": "k", "secret": key, "logical_groups": ["gpt"]}),
            "keys.create",
            "key:k",
            &["/added/0/after/label"],
        ),
        ("PATCH", "/keys/{id}", "k", json!({"label": "K"}), "keys.update", "key:k", &["/changed/0/fields/0/to"]),
        ("POST", "/keys/{id}/rotate", "k", json!({}), "keys.rotate", "key:k", &["/changed/0/fields/0/to"]),
        ("DELETE", "/keys/{id}", "k", Value::Null, "keys.delete", "key:k", &["/removed/0/before/label"]),
        ("POST", "/apply", "", Value::String(fleet), "publish", "host:a", &["/changed/0/fields/0/to"]),
        (
            "POST",
            "/generations/{id}/rollback",
            "1",
            json!({}),
            "generations.rollback",
            "host:a",
            &["/changed/0/fields/0/to"],
        ),
        (
            "POST",
            "/tokens",
            "",
            json!({"label": "new", "role": "viewer"}),
            "tokens.create",
            "token:4",
            &["/after/role"],
        ),
        ("DELETE", "/tokens/{id}", "4", Value::Null, "tokens.delete", "token:4", &["/before/role"]),
        (
            "POST",
            "/managed-resources",
            "",
            json!({"host_id": "a", "type": "group", "name": "g", "remote_id": "1"}),
            "managed_resources.create",
            "host:a",
            &["/after/remote_id"],
        ),
        (
            "DELETE",
            "/managed-resources",
            "?host_id=a&type=group&name=g",
            Value::Null,
            "managed_resources.delete",
            "host:a",
            &["/before/remote_id"],
        ),
        ("DELETE", "/bindings", "?route_id=gpt-a", Value::Null, "bindings.purge", "route:gpt-a", &["/purged"]),
        (
            "POST",
            "/health/clear-cooldowns",
            "",
            json!({"host_id": "a"}),
            "health.clear_cooldowns",
            "host:a",
            &["/host_id", "/before/routes"],
        ),
        (
            "POST",
            "/notifications/channels",
            "",
            json!({"id": "c", "type": "dingtalk", "url": "https://c.example/?access_token=canary", "secret": "SEC-canary"}),
            "notification_channels.create",
            "channel:c",
            &["/after/url"],
        ),
        (
            "PATCH",
            "/notifications/channels/{id}",
            "c",
            json!({"secret": "SEC-canary-2", "language": "zh-CN"}),
            "notification_channels.update",
            "channel:c",
            &["/before/url", "/after/language", "/secrets_changed/0"],
        ),
        (
            "DELETE",
            "/notifications/channels/{id}",
            "c",
            Value::Null,
            "notification_channels.delete",
            "channel:c",
            &["/before/url"],
        ),
        (
            "POST",
            "/notifications/channels/{id}/test",
            "ops",
            json!({}),
            "notification_channels.test",
            "channel:ops",
            &["/delivered"],
        ),
        ("POST", "/hosts/{id}/probe", "a", json!({}), "host.probe", "host:a", &["/before", "/after/soft_revoke"]),
        ("PUT", "/access/{host}/{user}/{group}", "", json!({}), "access.ensure", "host:a", &["/before", "/after/want"]),
        ("POST", "/access-ensure", "", json!({}), "access.ensure_fleet", "", &[""]),
        (
            "POST",
            "/access-rotate",
            "",
            json!({"subscription_user": "nobody@relay.example"}),
            "access.rotate",
            "",
            &[""],
        ),
        ("POST", "/hosts/{id}/sync", "a", json!({}), "host.sync", "host:a", &["/drift"]),
        (
            "POST",
            "/hosts/{id}/models",
            "a",
            json!({"shadow_group_id": "pool", "logical_group_id": "gpt", "apply": true}),
            "routes.create",
            "",
            &["/added/0/after/shadow_model"],
        ),
        (
            "DELETE",
            "/access/{host}/{user}/{group}",
            "",
            Value::Null,
            "access.revoke",
            "host:a",
            &["/before/want", "/after/want"],
        ),
        (
            "POST",
            "/hosts/{id}/reconcile",
            "a",
            json!({"since": "2026-11-01T00:00:00Z"}),
            "host.reconcile",
            "host:a",
            &["/missing_here"],
        ),
    ];
    let mut covered = BTreeSet::new();
    for (method, template, name, body, action, subject, parts) in steps {
        covered.insert((method.to_owned(), template.to_owned()));
        if action == "notification_channels.test" {
            host.script(Reply::json(&json!({"errcode": 0, "errmsg": "ok"})));
        }
        let path = template.replace("{host}/{user}/{group}", "a/team-a%40relay.example/7");
        let path = if path.contains("{id}") { path.replace("{id}", name) } else { format!("{path}{name}") };
        let body = match body {
            Value::Null => String::new(),
            Value::String(text) => text,
            object => object.to_string(),
        };
        let method = method.parse().expect("a method");
        let done = server.send(ADMIN, method, &format!("/api/v1{path}"), body).await;
        assert!(done.status.is_success(), "{path}: {}", done.text);
        let newest = server.get("/api/v1/audit?limit=1").await.ok()["items"][0].clone();
        assert_eq!((&newest["actor"], &newest["action"]), (&json!("ann"), &json!(action)), "{path}");
        assert!(parts.iter().all(|part| newest["details"].pointer(part).is_some()), "{path}: {newest}");
        if !subject.is_empty() {
            let about =
                server.get(&format!("/api/v1/audit?subject={subject}&action={action}&actor=ann&limit=1")).await.ok();
            assert_eq!(about["items"][0], newest, "{path}");
        }
    }
    let changing = endpoints().filter(|(method, ..)| *method != Method::GET);
    let expected: BTreeSet<_> = changing.map(|(method, _, path)| (method.to_string(), path.to_owned())).collect();
    // Plans and simulations change nothing; the actions are decisions, each a row of the decision log.
    let elsewhere: BTreeSet<_> = [
        ("POST", "/plan"),
        ("POST", "/simulate"),
        ("POST", "/resolve-route"),
        ("POST", "/proxy-route-chat-completions"),
        ("POST", "/route-chat-completions"),
    ]
    .map(|(method, path)| (method.to_owned(), path.to_owned()))
    .into();
    assert_eq!(covered.union(&elsewhere).cloned().collect::<BTreeSet<_>>(), expected);
    for path in
        ["audit?limit=500", "generations?limit=500", "export", "hosts", "keys", "tokens", "notifications/channels"]
    {
        let shown = server.get(&format!("/api/v1/{path}")).await.text;
        assert!(!shown.contains("canary"), "{path}: {shown}");
    }
}

//! Hosts, groups, routes and keys, one at a time: made, changed, removed; what is refused, and over what.

use http::{Method, StatusCode};
use relay_domain::AdminAccess;
use serde_json::{Value, json};

use crate::support::{ADMIN, Answer, Server};

const FLEET: &str = r#"
[[host]]
host_id = "a"
kind = "openai"
base_url = "https://a.example"
gateway_key = { env = "A_KEY", value = "sk-canary-a" }
[[group]]
logical_group_id = "gpt"
[[group]]
logical_group_id = "claude"
[[route]]
route_id = "gpt-a"
logical_group_id = "gpt"
public_model = "gpt-5"
shadow_host_id = "a"
[[key]]
key_id = "both"
secret = "sk-canary-both-0123456789"
logical_groups = ["gpt", "claude"]
[[key]]
key_id = "only"
secret = "sk-canary-only-0123456789"
logical_groups = ["gpt"]
"#;

async fn patch(server: &Server, path: &str, patch: &Value) -> Answer {
    server.send(ADMIN, Method::PATCH, &format!("/api/v1/{path}"), patch.to_string()).await
}

async fn get(server: &Server, path: &str) -> Answer {
    server.get(&format!("/api/v1/{path}")).await
}

fn faults(answer: &Answer) -> Vec<(String, String)> {
    let json = answer.json();
    let faults = json["error"]["details"].as_array().cloned().unwrap_or_default();
    let text = |fault: &Value, name: &str| fault[name].as_str().unwrap_or_default().to_owned();
    faults.iter().map(|fault| (text(fault, "path"), text(fault, "message"))).collect()
}

/// Everything that shows the fleet or what was done to it.
async fn shown(server: &Server) -> String {
    let mut all = String::new();
    for path in ["hosts", "groups", "routes", "keys", "audit", "generations", "export", "generations/1/diff"] {
        all.push_str(&get(server, path).await.text);
    }
    all
}

#[tokio::test]
async fn every_noun_is_made_read_changed_and_removed() {
    let server = Server::with_fleet(FLEET).await;
    for (noun, id, fields, change) in [
        ("hosts", "b", json!({"host_id": "b", "base_url": "https://b.example"}), json!({"enabled": false})),
        ("groups", "o", json!({"logical_group_id": "o", "limits": {"rpm": 5}}), json!({"limits": {"tpm": 7}})),
        (
            "routes",
            "r",
            json!({"route_id": "r", "logical_group_id": "gpt", "public_model": "x", "shadow_host_id": "a"}),
            json!({"weight": 0}),
        ),
        ("keys", "k", json!({"key_id": "k", "logical_groups": ["gpt"]}), json!({"enabled": false})),
    ] {
        let (list, one) = (format!("/api/v1/{noun}"), format!("{noun}/{id}"));
        let made = server.post(&list, &fields).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        assert_eq!(server.post(&list, &fields).await.error().1, "already_exists");
        let before = get(&server, &one).await;
        if noun != "keys" {
            assert_eq!((made.json(), made.header("etag")), (before.json(), before.header("etag")));
        }
        let changed = patch(&server, &one, &change).await;
        let generation = server.published.lock().expect("unpoisoned").last().copied().unwrap_or_default();
        assert_eq!(changed.header("x-relay-generation"), generation.to_string(), "in force before the answer");
        let mut expected = before.json();
        for (name, value) in change.as_object().expect("an object") {
            match value.as_object() {
                Some(inner) => inner.iter().for_each(|(field, value)| expected[name][field] = value.clone()),
                None => expected[name] = value.clone(),
            }
        }
        assert_eq!(changed.ok(), expected, "what is not named stays");
        assert_eq!(get(&server, &one).await.ok(), expected);
        assert_eq!(patch(&server, &format!("{noun}/none"), &change).await.error().1, "not_found");
        let gone = server.delete(&format!("/api/v1/{one}")).await.ok();
        assert_eq!(gone["diff"]["removed"].as_array().map(Vec::len), Some(1), "{gone}");
        assert_eq!(get(&server, &one).await.status, 404);
        assert_eq!(server.delete(&format!("/api/v1/{one}")).await.error().1, "not_found");
    }
    assert!(!shown(&server).await.contains("canary"));
}

#[tokio::test]
async fn a_change_that_changes_nothing_publishes_nothing() {
    let server = Server::with_fleet(FLEET).await;
    for noun in ["hosts/a", "groups/gpt", "routes/gpt-a", "keys/both"] {
        let read = get(&server, noun).await;
        let sent_back = patch(&server, noun, &read.json()).await;
        assert_eq!(sent_back.ok(), read.json(), "an entry can be sent back as it was read");
        assert_eq!(sent_back.header("etag"), read.header("etag"));
    }
    assert_eq!(*server.published.lock().expect("unpoisoned"), [0, 1]);
    let host = server.control.snapshot();
    let (_, host) = host.host("a").expect("is there");
    assert_eq!(host.gateway_key.as_ref().map(|key| key.secret.expose()), Some("sk-canary-a"));
}

#[tokio::test]
async fn a_secret_stays_until_it_is_named_and_alters_the_entity_tag() {
    let server = Server::with_fleet(FLEET).await;
    let secrets = || {
        let snapshot = server.control.snapshot();
        let (_, host) = snapshot.host("a").expect("is there");
        let admin = match &host.admin {
            Some(AdminAccess::Key(key)) => Some(key.secret.expose().to_owned()),
            Some(AdminAccess::Login { email, password }) => Some(format!("{email} {}", password.secret.expose())),
            None => None,
        };
        (admin, host.gateway_key.as_ref().map(|key| key.secret.expose().to_owned()))
    };
    let mut seen = vec![get(&server, "hosts/a").await.header("etag").to_owned()];
    let login = |email: &str, password: &str| json!({"login": {"email": email, "password": password}});
    for (change, admin, gateway) in [
        (json!({"base_url": "https://a2.example"}), None, Some("sk-canary-a")),
        (json!({"gateway_key": "sk-canary-b"}), None, Some("sk-canary-b")),
        (json!({"gateway_key": "sk-canary-c"}), None, Some("sk-canary-c")),
        (json!({"kind": "sub2api", "admin_key": "admin-canary"}), Some("admin-canary"), Some("sk-canary-c")),
        (json!({"admin_key": "admin-canary-2"}), Some("admin-canary-2"), Some("sk-canary-c")),
        (login("a@b.example", "canary 1"), None, None),
        (
            json!({"admin_key": null, "login": {"email": "a@b.example", "password": "canary 1"}}),
            Some("a@b.example canary 1"),
            Some("sk-canary-c"),
        ),
        (json!({"login": {"email": "c@d.example"}}), Some("c@d.example canary 1"), Some("sk-canary-c")),
        (json!({"login": {"password": "canary 2"}}), Some("c@d.example canary 2"), Some("sk-canary-c")),
    ] {
        let changed = patch(&server, "hosts/a", &change).await;
        if admin.is_none() && gateway.is_none() {
            assert_eq!(faults(&changed), [("login".into(), "both admin_key and login are given".into())]);
            continue;
        }
        assert_eq!(changed.status, 200, "{}", changed.text);
        assert_eq!(secrets(), (admin.map(str::to_owned), gateway.map(str::to_owned)), "{change}");
        let tag = changed.header("etag").to_owned();
        assert!(!seen.contains(&tag), "{change} has a tag of its own");
        assert!(!changed.text.contains("canary") && !tag.contains("canary"));
        seen.push(tag);
    }
    assert!(!shown(&server).await.contains("canary"));
}

#[tokio::test]
async fn a_call_cannot_make_the_server_read_its_variables_or_files() {
    let server = Server::with_fleet(FLEET).await;
    for reference in [json!({"env": "PATH"}), json!({"file": "/etc/hostname"})] {
        let host = json!({"host_id": "b", "base_url": "https://b.example", "gateway_key": reference});
        let refused = server.post("/api/v1/hosts", &host).await;
        assert_eq!(refused.status, 400);
        let (path, message) = faults(&refused).remove(0);
        assert!(path == "gateway_key" && message.ends_with("is named without its value"), "{message}");
        assert_eq!(patch(&server, "hosts/a", &json!({"gateway_key": reference})).await.status, 400);
    }
    let both = json!({"gateway_key": {"env": "B_KEY", "value": "sk-canary-b"}});
    assert_eq!(patch(&server, "hosts/a", &both).await.ok()["gateway_key"], json!({"env": "B_KEY"}));
    let export = get(&server, "export").await.text;
    assert!(export.contains("gateway_key = { env = \"B_KEY\" }") && !export.contains("canary"), "{export}");
}

#[tokio::test]
async fn a_change_to_what_somebody_else_changed_is_refused_with_the_current_tag() {
    let server = Server::with_fleet(FLEET).await;
    for (noun, change) in [
        ("hosts/a", json!({"enabled": false})),
        ("groups/gpt", json!({"failback": "ttl"})),
        ("routes/gpt-a", json!({"weight": 7})),
        ("keys/only", json!({"label": "x"})),
    ] {
        let path = format!("/api/v1/{noun}");
        let old = get(&server, noun).await.header("etag").to_owned();
        assert!(old.starts_with('"') && old.ends_with('"'), "a strong tag: {old}");
        let known = server.send_with(ADMIN, Method::GET, &path, "", &[("if-none-match", &old)]).await;
        assert_eq!((known.status.as_u16(), known.text.as_str(), known.header("etag")), (304, "", old.as_str()));
        let send = async |method: Method, tag: &str| {
            let body = if method == Method::DELETE { String::new() } else { change.to_string() };
            server.send_with(ADMIN, method, &path, body, &[("if-match", tag)]).await
        };
        let new = send(Method::PATCH, &old).await;
        assert_eq!(new.status, 200, "{}", new.text);
        for method in [Method::PATCH, Method::DELETE] {
            let late = send(method, &old).await;
            assert_eq!((late.error().0, late.error().1.as_str()), (412, "precondition_failed"));
            assert_eq!(
                (late.header("etag"), &late.json()["error"]["details"]["etag"]),
                (new.header("etag"), &json!(new.header("etag")))
            );
        }
        assert_eq!(
            send(Method::PATCH, &format!("W/{}", new.header("etag"))).await.status,
            412,
            "weak tags match nothing"
        );
        assert_eq!(send(Method::PATCH, "unquoted").await.status, 400);
        assert_eq!(send(Method::PATCH, "*").await.status, 200);
        let fresh = server.send_with(ADMIN, Method::GET, &path, "", &[("if-none-match", &old)]).await;
        assert_eq!((fresh.status.as_u16(), fresh.header("etag")), (200, new.header("etag")));
    }
}

#[tokio::test]
async fn of_two_who_read_the_same_one_wins() {
    let server = Server::with_fleet(FLEET).await;
    let tag = get(&server, "routes/gpt-a").await.header("etag").to_owned();
    let write = async |weight: u32| {
        let patch = json!({"weight": weight}).to_string();
        server
            .send_with(ADMIN, Method::PATCH, "/api/v1/routes/gpt-a", patch, &[("if-match", &tag)])
            .await
            .status
            .as_u16()
    };
    let mut ended: [u16; 4] = tokio::join!(write(1), write(2), write(3), write(4)).into();
    ended.sort_unstable();
    assert_eq!(ended, [200, 412, 412, 412]);
}

#[tokio::test]
async fn what_others_refer_to_is_kept_unless_they_go_too() {
    let server = Server::with_fleet(FLEET).await;
    let refused = server.delete("/api/v1/hosts/a").await;
    assert_eq!((refused.error().0, refused.error().1.as_str()), (409, "conflict"));
    assert_eq!(refused.json()["error"]["details"]["referred_to_by"], json!([{"noun": "route", "id": "gpt-a"}]));
    let refused = server.delete("/api/v1/groups/gpt").await;
    let by = json!([
        {"noun": "route", "id": "gpt-a"}, {"noun": "key", "id": "both"}, {"noun": "key", "id": "only"},
    ]);
    assert_eq!(refused.json()["error"]["details"]["referred_to_by"], by);
    assert!(refused.error().2.contains("cascade=true"), "{}", refused.text);

    let planned = server.delete("/api/v1/groups/gpt?cascade=true&dry_run=true").await.ok();
    assert_eq!(*server.published.lock().expect("unpoisoned"), [0, 1], "a plan changes nothing");
    let gone = server.delete("/api/v1/groups/gpt?cascade=true").await.ok();
    assert_eq!(planned["diff"], gone["diff"]);
    let removed = json!([
        {"noun": "group", "id": "gpt"}, {"noun": "route", "id": "gpt-a"}, {"noun": "key", "id": "only"},
    ]);
    assert_eq!(gone["diff"]["removed"], removed, "a key that could call nothing else goes too");
    assert_eq!(gone["diff"]["changed"][0]["fields"][0]["to"], json!(["claude"]));
    assert_eq!(gone["generation"], 2, "in one step");
    assert_eq!(server.delete("/api/v1/hosts/a").await.status, 200, "nothing leads to it any more");
}

#[tokio::test]
async fn the_fleet_that_a_change_would_make_is_checked_whole() {
    let server = Server::with_fleet(FLEET).await;
    let keyless = patch(&server, "hosts/a", &json!({"gateway_key": null})).await;
    let message = "credential \"host_key\" needs a gateway_key, and host \"a\" has none";
    assert_eq!(faults(&keyless), [("route[gpt-a].credential".into(), message.into())]);
    let faulty = json!({
        "route_id": "r", "logical_group_id": "gtp", "public_model": "g*t", "shadow_host_id": "A", "weight": -1,
        "credential": "managed", "wieght": 5,
    });
    let refused = server.post("/api/v1/routes", &faulty).await;
    let paths: Vec<String> = faults(&refused).into_iter().map(|(path, _)| path).collect();
    let expected = ["logical_group_id", "public_model", "shadow_host_id", "shadow_group_id", "weight", "wieght"]
        .map(str::to_owned);
    assert_eq!(paths, expected, "{}", refused.text);
    let both = patch(&server, "keys/only", &json!({"key_id": "x", "secret": "y", "logical_groups": []})).await;
    let paths: Vec<String> = faults(&both).into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["key_id", "secret", "logical_groups"]);
    let items = json!({"models": ["gpt", 5, "g*t"], "budgets": ["x", 5]});
    let items = faults(&patch(&server, "keys/only", &items).await);
    let paths: Vec<&str> = items.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["models[1]", "models", "budgets[0]", "budgets[1]"]);
    assert_eq!(items[0].1, "models[1] is a number, not a string");
    let nameless = server.post("/api/v1/groups", &json!({"failback": 5})).await;
    let paths: Vec<String> = faults(&nameless).into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["logical_group_id", "failback"]);
    assert_eq!(*server.published.lock().expect("unpoisoned"), [0, 1]);
}

#[tokio::test]
async fn a_change_is_shown_before_it_is_made() {
    let server = Server::with_fleet(FLEET).await;
    let drained = server.send(ADMIN, Method::PATCH, "/api/v1/routes/gpt-a?dry_run=true", r#"{"weight": 0}"#).await.ok();
    assert_eq!((&drained["generation"], &drained["changes"]), (&json!(1), &json!(true)));
    assert_eq!(drained["diff"]["changed"][0]["fields"], json!([{"field": "weight", "from": 100, "to": 0}]));
    let warnings = drained["warnings"].to_string();
    assert!(warnings.contains("every route has weight 0"), "{warnings}");
    let group = json!({"logical_group_id": "o"});
    let made = server.post("/api/v1/groups?dry_run=true", &group).await.ok();
    assert_eq!(made["diff"]["added"], json!([{"noun": "group", "id": "o"}]));
    let key = server.post("/api/v1/keys?dry_run=true", &json!({"key_id": "n", "logical_groups": ["gpt"]})).await.ok();
    assert_eq!(key["generated_keys"], json!(["n"]), "no secret is made for a plan");
    assert_eq!(server.post("/api/v1/groups?dry_run=yes", &group).await.status, 400);
    assert_eq!(*server.published.lock().expect("unpoisoned"), [0, 1]);
}

#[tokio::test]
async fn a_document_is_applied_over_the_generation_that_was_looked_at() {
    let server = Server::with_fleet(FLEET).await;
    let apply = async |tag: &str| {
        server
            .send_with(ADMIN, Method::POST, "/api/v1/apply", FLEET.replace("gpt-5", tag), &[("if-match", "\"1\"")])
            .await
    };
    assert_eq!(apply("gpt-6").await.ok()["generation"], 2);
    let late = apply("gpt-7").await;
    assert_eq!((late.error().1.as_str(), late.header("etag")), ("precondition_failed", "\"2\""));
    let back = async |tag: &str| {
        server.send_with(ADMIN, Method::POST, "/api/v1/generations/1/rollback", "", &[("if-match", tag)]).await
    };
    assert_eq!(back("\"1\"").await.error().0, 412);
    assert_eq!(back("\"2\"").await.ok()["generation"], 3);
}

#[tokio::test]
async fn a_publication_of_another_process_is_taken_in_before_a_change() {
    let server = Server::with_fleet(FLEET).await;
    let mut fleet = relay_store::Store::fleet(&*server.store).await.expect("a fleet");
    fleet.groups.retain(|group| group.id.as_str() == "gpt");
    fleet.keys.retain(|key| key.id.as_str() == "only");
    let publication = relay_store::Publication {
        fleet: fleet.into(),
        based_on: 1,
        actor: "elsewhere".into(),
        summary: String::new(),
        diff: Value::Null,
        at: crate::support::start_of_time(),
        action: "publish".into(),
        subjects: Vec::new(),
        details: None,
    };
    relay_store::Store::publish(&*server.store, publication).await.expect("is published");
    let changed = patch(&server, "routes/gpt-a", &json!({"weight": 7})).await;
    assert_eq!((changed.status.as_u16(), changed.header("x-relay-generation")), (200, "3"));
    assert_eq!(get(&server, "groups/claude").await.status, 404, "the other change stands");
}

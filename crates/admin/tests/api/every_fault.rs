//! All faults of an input at once (spec §8), wherever in it they are: of every endpoint, by the document that it
//! serves of itself.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};

use crate::furnished::server;
use crate::support::{ADMIN, Answer, Server};

/// They keep what they do not know of a request as it came (spec §3), and find what is given twice where they look.
const ACTIONS: [&str; 3] = ["resolveRoute", "proxyRouteChatCompletions", "routeChatCompletions"];

struct Operation {
    method: Method,
    path: String,
    described: Value,
}

impl Operation {
    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Parameters in `place`.
    fn parameters(&self, place: &'static str) -> impl Iterator<Item = &Value> {
        self.described["parameters"].as_array().into_iter().flatten().filter(move |one| one["in"] == place)
    }

    fn names(&self, place: &'static str) -> Vec<&str> {
        self.parameters(place).filter_map(|one| one["name"].as_str()).collect()
    }

    fn takes_a_body(&self) -> bool {
        !self.described["requestBody"].is_null()
    }

    fn is_action(&self) -> bool {
        ACTIONS.iter().any(|action| self.described["operationId"] == *action)
    }

    /// Sends it with this query and body, and headers that are no entity tags.
    async fn send(&self, server: &Server, query: &str, body: &str) -> Answer {
        let headers: Vec<(&str, &str)> = self.names("header").into_iter().map(|name| (name, "unquoted")).collect();
        server.send_with(ADMIN, self.method.clone(), &format!("{}?{query}", self.path), body.to_owned(), &headers).await
    }
}

/// Everything but the probes, which look at nothing; with names of what is there.
async fn operations(server: &Server) -> (Value, Vec<Operation>) {
    let document = server.get("/api/v1/openapi.json").await.ok();
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, described) in methods.as_object().expect("methods") {
            if described["tags"][0] != "probes" {
                let path = named(path);
                found.push(Operation {
                    method: method.to_uppercase().parse().expect("a method"),
                    path,
                    described: described.clone(),
                });
            }
        }
    }
    assert!(found.len() > 70, "{}", found.len());
    (document, found)
}

fn named(path: &str) -> String {
    let names = [
        ("{host_id}", "a"),
        ("{logical_group_id}", "gpt"),
        ("{route_id}", "gpt-a"),
        ("{key_id}", "team-a"),
        ("{channel_id}", "ops"),
        ("{token_id}", "1"),
        ("{number}", "1"),
        ("{subscription_user}", "team-a%40relay.example"),
        ("{group}", "7"),
    ];
    let path = names.iter().fold(path.to_owned(), |path, (parameter, name)| path.replace(parameter, name));
    path.replace("{sticky_key}", "00").replace("{request_id}", "r-1").replace("{file}", "docs.css")
}

/// What is told of each place; 400 in any case.
#[track_caller]
fn told(operation: &Operation, answer: &Answer) -> BTreeSet<(String, String)> {
    assert_eq!(
        (answer.error().0, answer.error().1.as_str()),
        (400, "invalid_request"),
        "{}: {}",
        operation.name(),
        answer.text
    );
    let details = answer.json()["error"]["details"].clone();
    let text = |fault: &Value, name: &str| fault[name].as_str().map(str::to_owned);
    let of = |fault: &Value| {
        let place = text(fault, "field").or(text(fault, "path")).expect("a place");
        assert!(
            answer.error().2.contains(&place) || fault["path"].is_string(),
            "{place} is not in {}",
            answer.error().2
        );
        (place, text(fault, "message").expect("a message"))
    };
    details.as_array().expect("faults").iter().map(of).collect()
}

#[track_caller]
fn is_told(operation: &Operation, told: &BTreeSet<(String, String)>, place: &str, what: &str) {
    let found = told.iter().any(|(at, message)| at == place && message.contains(what));
    assert!(found, "{}: {place} {what} is not in {told:?}", operation.name());
}

/// A body with a member that nobody knows, or with anything where none is taken.
#[track_caller]
fn stray_is_told(operation: &Operation, told: &BTreeSet<(String, String)>) {
    if operation.takes_a_body() {
        is_told(operation, told, "stray", "unknown");
    } else {
        is_told(operation, told, "body", "takes no body");
    }
}

/// Members of the objects that a schema describes.
fn members(document: &Value, schema: &Value) -> BTreeSet<String> {
    let schema = match schema["$ref"].as_str() {
        Some(path) => document.pointer(path.trim_start_matches('#')).expect("a schema"),
        None => schema,
    };
    let parts = ["allOf", "oneOf", "anyOf"].iter().flat_map(|name| schema[*name].as_array().into_iter().flatten());
    let own = schema["properties"].as_object().into_iter().flat_map(|members| members.keys().cloned());
    own.chain(parts.flat_map(|part| members(document, part))).collect()
}

#[tokio::test]
async fn query_headers_and_body_are_told_together() {
    let (_host, server) = server().await;
    for operation in operations(&server).await.1 {
        let answer = operation.send(&server, "lost=1", r#"{"stray": 1}"#).await;
        let told = told(&operation, &answer);
        is_told(&operation, &told, "lost", "is unknown");
        stray_is_told(&operation, &told);
        for name in operation.names("header") {
            is_told(&operation, &told, &name.to_lowercase(), "");
        }
        // A body that cannot be read hides nothing either, and has no members that could be missed.
        for unreadable in ["{\"stray\"", "{\"label\": \"ann\", \"role\": \"viewer\"", "[]", "null"] {
            let answer = operation.send(&server, "lost=1", unreadable).await;
            // Fleet documents are TOML as well, whose faults have lines.
            let place = |place: String| if place.starts_with("line ") { "body".to_owned() } else { place };
            let told = self::told(&operation, &answer).into_iter().map(|(at, message)| (place(at), message)).collect();
            is_told(&operation, &told, "lost", "is unknown");
            is_told(&operation, &told, "body", if operation.takes_a_body() { "is not" } else { "takes no body" });
            let others: BTreeSet<String> =
                ["query", "header"].iter().flat_map(|place| operation.names(place)).map(str::to_lowercase).collect();
            let of_body = told.into_iter().map(|(place, _)| place).filter(|place| !others.contains(place));
            assert_eq!(of_body.collect::<Vec<_>>(), ["body", "lost"], "{}: {unreadable}", operation.name());
        }
    }
}

#[tokio::test]
async fn every_parameter_is_looked_at_before_anything_is_refused() {
    let (_host, server) = server().await;
    let mut cursors = 0;
    for operation in operations(&server).await.1 {
        let query: Vec<String> = operation.names("query").iter().map(|name| format!("{name}=~")).collect();
        let answer = operation.send(&server, &format!("{}&lost=1", query.join("&")), r#"{"stray": 1}"#).await;
        let told = told(&operation, &answer);
        for parameter in operation.parameters("query") {
            let (name, schema) = (parameter["name"].as_str().expect("a name"), &parameter["schema"]);
            let takes_any_text = schema["type"] == "string" && schema["pattern"] == r"\S" && name != "cursor";
            if !takes_any_text {
                is_told(&operation, &told, name, "");
            }
            cursors += usize::from(name == "cursor");
        }
        is_told(&operation, &told, "lost", "is unknown");
        stray_is_told(&operation, &told);
    }
    assert!(cursors > 20, "{cursors}");
}

#[tokio::test]
async fn a_parameter_that_is_given_twice_is_refused() {
    let (_host, server) = server().await;
    for operation in operations(&server).await.1 {
        let twice: Vec<String> = operation.names("query").iter().map(|name| format!("{name}=1&{name}=2")).collect();
        let answer = operation.send(&server, &format!("{}&lost=1&lost=1", twice.join("&")), "").await;
        let told = told(&operation, &answer);
        for name in operation.names("query") {
            is_told(&operation, &told, name, "is given twice");
        }
        is_told(&operation, &told, "lost", "is unknown");
    }
}

#[tokio::test]
async fn a_member_that_is_given_twice_is_refused_at_any_depth() {
    let (_host, server) = server().await;
    let (document, operations) = operations(&server).await;
    let mut compared = 0;
    for operation in operations {
        let deep = r#""stray": {"deep": [0, {"a.b": 1, "c": 1, "c": {}}]}"#;
        let schema = &operation.described["requestBody"]["content"]["application/json"]["schema"];
        let known = members(&document, schema);
        let twice: Vec<String> = known.iter().map(|name| format!("{0}: null, {0}: null", json!(name))).collect();
        compared += twice.len();
        let body = format!("{{{}}}", twice.into_iter().chain([deep.to_owned()]).collect::<Vec<_>>().join(", "));
        let told = told(&operation, &operation.send(&server, "lost=1", &body).await);
        for name in &known {
            is_told(&operation, &told, name, "is given twice");
        }
        if operation.takes_a_body() && !operation.is_action() {
            is_told(&operation, &told, "stray.deep[1].c", "is given twice");
        }
        stray_is_told(&operation, &told);
        is_told(&operation, &told, "lost", "is unknown");
    }
    assert!(compared > 100, "{compared}");
}

//! The document against the running API: what it takes is what it says it takes.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};

use crate::support::{ADMIN, OPERATOR, Server, VIEWER};

struct Operation {
    method: Method,
    path: String,
    described: Value,
}

impl Operation {
    /// The path with something in place of its parameters.
    fn path(&self) -> String {
        let parts = self.path.split('/').map(|part| if part.starts_with('{') { "1" } else { part });
        parts.collect::<Vec<_>>().join("/")
    }

    fn role(&self) -> Option<&str> {
        self.described["x-role"].as_str()
    }
}

async fn operations(server: &Server) -> Vec<Operation> {
    let document = server.get("/api/v1/openapi.json").await.ok();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().expect("paths").clone();
    let of_path = paths.into_iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().expect("methods").clone();
        methods.into_iter().map(move |(method, described)| Operation {
            method: method.to_uppercase().parse().expect("a method"),
            path: path.clone(),
            described,
        })
    });
    of_path.collect()
}

/// The names after "known here: " in the fault of `field`.
fn known(answer: &Value, field: &str) -> Option<BTreeSet<String>> {
    let fault = answer["error"]["details"].as_array()?.iter().find(|fault| fault["field"] == field)?;
    let (_, names) = fault["message"].as_str()?.split_once("known here: ")?;
    Some(names.split(", ").filter(|name| *name != "nothing").map(str::to_owned).collect())
}

#[tokio::test]
async fn every_list_and_look_takes_the_parameters_that_are_described() {
    let server = Server::empty().await;
    for operation in operations(&server).await.into_iter().filter(|operation| operation.role().is_some()) {
        if operation.method != Method::GET {
            continue;
        }
        let answer = server.get(&format!("{}?zzz=1", operation.path())).await;
        assert_eq!(answer.status, 400, "{} takes a parameter that nobody knows", operation.path);
        let parameters = operation.described["parameters"].as_array().cloned().unwrap_or_default();
        let described = parameters.iter().filter(|parameter| parameter["in"] == "query");
        let described: BTreeSet<String> =
            described.map(|parameter| parameter["name"].as_str().unwrap().into()).collect();
        assert_eq!(known(&answer.json(), "zzz"), Some(described), "{}", operation.path);
    }
}

#[tokio::test]
async fn every_small_body_has_the_members_that_are_described() {
    let server = Server::empty().await;
    let document = server.get("/api/v1/openapi.json").await.ok();
    let mut compared = 0;
    for operation in operations(&server).await {
        let schema = &operation.described["requestBody"]["content"]["application/json"]["schema"];
        let Some(name) = schema["$ref"].as_str() else { continue };
        let body = json!({ "zzz": 1 }).to_string();
        let answer = server.send(ADMIN, operation.method.clone(), &operation.path(), body).await;
        // Entries and the actions' requests are compared where they are read.
        let Some(known) = known(&answer.json(), "zzz") else { continue };
        let schema = document.pointer(name.trim_start_matches('#')).unwrap();
        let described: BTreeSet<String> = schema["properties"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(described, known, "{}", operation.path);
        compared += 1;
    }
    assert!(compared >= 6, "only {compared} bodies were compared");
}

#[tokio::test]
async fn every_endpoint_needs_the_role_that_is_described() {
    let server = Server::empty().await;
    for operation in operations(&server).await {
        let (method, path) = (&operation.method, operation.path());
        // The stream has no end: with a parameter that nobody knows it is refused where others answer.
        let path = if path.ends_with("/stream") { format!("{path}?zzz=1") } else { path };
        let status = async |token| server.send(token, method.clone(), &path, "").await.status.as_u16();
        let Some(role) = operation.role() else {
            assert!(status("").await != 401, "{method} {path} needs a token, and does not say so");
            continue;
        };
        assert_eq!(status("").await, 401, "{method} {path}");
        assert_eq!(status("rma-nobody").await, 401, "{method} {path}");
        assert_eq!(status(VIEWER).await == 403, role != "viewer", "{method} {path} as viewer");
        assert_eq!(status(OPERATOR).await == 403, role == "admin", "{method} {path} as operator");
    }
}

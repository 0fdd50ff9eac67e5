//! The document as a whole: whole, consistent, and as it is written in docs.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::{ROLE, TAGS, note_references};
use crate::routes::document;

/// Every operation with its path and method.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let of_path = paths.iter().flat_map(|(path, methods)| {
        methods.as_object().unwrap().iter().map(move |(method, operation)| (format!("{method} {path}"), operation))
    });
    of_path.collect()
}

#[test]
fn docs_openapi_json_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let now = format!("{:#}\n", document());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == now, "docs/openapi.json is stale: UPDATE_DOCS=1 cargo test -p relay-admin docs_openapi");
}

#[test]
fn every_operation_is_described() {
    let document = document();
    let tags: BTreeSet<&str> = TAGS.iter().map(|(name, _)| *name).collect();
    let (mut ids, mut used) = (BTreeSet::new(), BTreeSet::new());
    for (name, operation) in operations(&document) {
        let text = |field: &str| operation[field].as_str().unwrap_or_default();
        assert!(text("summary").ends_with('.'), "{name} has no summary");
        assert!(ids.insert(text("operationId").to_owned()), "{name}: two operations have one id");
        let tag = operation["tags"][0].as_str().unwrap_or_default();
        assert!(tags.contains(tag), "{name} has the unknown tag {tag:?}");
        used.insert(tag);
        let is_open = operation["security"] == serde_json::json!([{}]);
        assert_eq!(
            operation.get(ROLE).is_none(),
            is_open,
            "{name} needs a token and says no role, or the other way round"
        );
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].as_str().is_some_and(|text| !text.is_empty()), "{name}: {parameter}");
        }
    }
    assert_eq!(used, tags, "a tag without an endpoint");
}

#[test]
fn every_segment_of_a_path_is_described() {
    let document = document();
    for (name, operation) in operations(&document) {
        let in_path = name.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect::<BTreeSet<_>>();
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let described = parameters.filter(|parameter| parameter["in"] == "path");
        assert_eq!(
            described.filter_map(|parameter| parameter["name"].as_str()).collect::<BTreeSet<_>>(),
            in_path,
            "{name}"
        );
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_used() {
    let document = document();
    let mut names = BTreeSet::new();
    note_references(&document, &mut names);
    let components =
        ["schemas", "responses"].into_iter().flat_map(|kind| document["components"][kind].as_object().unwrap().keys());
    assert_eq!(names, components.cloned().collect());
}

#[test]
fn every_property_is_described() {
    let document = document();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        for (property, schema) in schema["properties"].as_object().into_iter().flatten() {
            let described = [schema, &schema["oneOf"][0]].iter().any(|schema| schema["description"].is_string());
            assert!(described, "{name}.{property} has no description");
        }
    }
}

#[test]
fn a_session_changes_things_only_with_its_token() {
    let document = document();
    let schemes = &document["components"]["securitySchemes"];
    for (name, operation) in operations(&document) {
        for way in operation["security"].as_array().into_iter().flatten().filter_map(|way| way.as_object()) {
            assert!(way.keys().all(|scheme| schemes.get(scheme).is_some()), "{name}");
            let is_safe = name.starts_with("get ") || !way.contains_key("session");
            assert!(is_safe || way.contains_key("csrf"), "{name}");
        }
    }
}

#[test]
fn what_is_made_or_listed_leads_to_what_can_be_done_with_it() {
    let document = document();
    let link = |path: &str, method: &str, status: &str, name: &str| {
        document["paths"][path][method]["responses"][status]["links"][name]["parameters"].clone()
    };
    let host = |place: &str| serde_json::json!({ "host_id": format!("$response.body#{place}/host_id") });
    assert_eq!(link("/api/v1/hosts", "post", "201", "deleteHost"), host(""));
    assert_eq!(link("/api/v1/hosts", "get", "200", "probeHost"), host("/items/0"));
    let channel = serde_json::json!({ "channel_id": "$response.body#/id" });
    assert_eq!(link("/api/v1/notifications/channels", "post", "201", "getChannel"), channel);
}

#[test]
fn a_parameter_says_that_it_cannot_be_empty_or_null() {
    let document = document();
    for (name, operation) in operations(&document) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let (schema, place) = (&parameter["schema"], &parameter["in"]);
            assert!(!schema["type"].is_array(), "{name}: {parameter}");
            let is_narrower = ["pattern", "format", "enum"].iter().any(|narrower| schema.get(*narrower).is_some());
            assert!(place != "query" || schema["type"] != "string" || is_narrower, "{name}: {parameter}");
        }
    }
}

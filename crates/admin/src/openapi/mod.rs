//! The OpenAPI 3.1 document (spec §8, ADR 0012).
//!
//! What an endpoint takes and gives is written above its handler, and collected
//! by the router that serves it (`routes`), so that there is no route without a
//! description and no description without a route. Here is what all endpoints
//! have in common, written once because it happens in one place: the token, the
//! request's id, the faults of extractors, and that unknown fields are refused.

pub(crate) mod bodies;
mod links;
mod parameters;
pub(crate) mod responses;
mod security;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;

/// The groups of endpoints, in the order of docs/api.md.
const TAGS: &[(&str, &str)] = &[
    ("actions", "The operator's probes: resolve a route, and send a small completion over it."),
    ("fleet", "The fleet as a document: what an apply would do, apply, export."),
    ("hosts", "Hosts, and what is done with one as a whole."),
    ("groups", "Logical groups: what customers are given."),
    ("routes", "Routes from a group's model to a host."),
    ("keys", "Consumer keys. Their secrets are in the answers that make them, and nowhere else."),
    ("bindings", "Sticky bindings."),
    ("decisions", "The decision log."),
    ("managed-resources", "What is known of objects on hosts."),
    ("access", "Managed access: keys that Relay Manager obtains from hosts."),
    ("events", "What somebody should hear of, and what was seen on hosts."),
    ("generations", "Published versions of the fleet."),
    ("audit", "Who did what."),
    ("tokens", "Who may use this API."),
    ("health", "Health of hosts and routes."),
    ("usage", "What was used, and what it cost."),
    ("notifications", "Where operators are told of what goes wrong."),
    ("log", "Proof of the decision log."),
    ("probes", "For orchestrators; no token."),
    ("documentation", "This description; no token."),
];

/// Where the role that an endpoint needs is written.
pub(crate) const ROLE: &str = "x-role";

/// What the routers collected, with what is common to all.
pub(crate) fn complete(collected: &OpenApi) -> Value {
    let mut document = serde_json::to_value(collected).expect("an OpenAPI document is JSON");
    document["info"] = json!({
        "title": "Relay Manager admin API",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "Errors have one shape, `{\"error\": {\"code\", \"message\", \"details\"?, \"request_id\"}}`, and \
            `details` has all faults of an input at once, of path, query, headers and body, in one 400. Lists are \
            keyset-paged. Fields and parameters that are unknown, or given twice, are refused. \
            A `viewer` may read, an `operator` may also act on traffic, an `admin` may change the fleet.",
        "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
    });
    document["tags"] =
        TAGS.iter().map(|(name, description)| json!({ "name": name, "description": description })).collect();
    document["security"] = security::requirement("get");
    document["components"]["securitySchemes"] = security::schemes();
    document["components"]["responses"] = responses::shared();
    responses::add_schemas(&mut document["components"]["schemas"]);
    refer_to_entries(&mut document["components"]["schemas"]);
    open_objects(&mut document["components"]["schemas"]);
    let mut bodies = BTreeSet::new();
    for_each_operation(&mut document, |method, operation| {
        tell_what_is_common(operation);
        if operation[ROLE].is_string() {
            operation["security"] = security::requirement(method);
        }
        take_no_null(operation);
        parameters::narrow(operation);
        note_references(&operation["requestBody"], &mut bodies);
    });
    refuse_unknown_members(&mut document, bodies);
    links::add(&mut document);
    document
}

/// Calls `visit` with every operation and its method.
fn for_each_operation(document: &mut Value, mut visit: impl FnMut(&str, &mut Value)) {
    let paths = document["paths"].as_object_mut().into_iter().flat_map(Map::values_mut);
    for (method, operation) in paths.filter_map(Value::as_object_mut).flatten() {
        visit(method, operation);
    }
}

/// A page's schema holds that of its entries; the entries have one of their own.
fn refer_to_entries(schemas: &mut Value) {
    let pages = schemas.as_object_mut().into_iter().flatten();
    for (name, page) in pages {
        if let Some(entry) = name.strip_prefix("Page_") {
            page["properties"]["items"]["items"] = json!({ "$ref": format!("#/components/schemas/{entry}") });
        }
    }
}

/// `Option<T>` says that a body may be left out; `null` is none.
fn take_no_null(operation: &mut Value) {
    let Some(schema) = operation.pointer_mut("/requestBody/content/application~1json/schema") else { return };
    if let Some(body) = schema.pointer("/oneOf/0").cloned() {
        *schema = body;
    }
}

/// The statuses that the middleware and the extractors give, and the header that every answer has.
fn tell_what_is_common(operation: &mut Value) {
    let role = operation[ROLE].as_str().map(str::to_owned);
    if let Some(role) = &role {
        let told = operation["description"].as_str().map(|text| format!("{text}\n\n")).unwrap_or_default();
        operation["description"] = format!("{told}Needs the role `{role}`.").into();
    }
    // Probes look at nothing; everything else reads all that comes, if only to refuse it.
    let reads_input = operation["tags"][0] != "probes";
    let needs_more_than_a_token = role.as_deref().is_some_and(|role| role != "viewer");
    let statuses = [
        ("400", "BadRequest", reads_input),
        ("401", "Unauthorized", role.is_some()),
        ("403", "Forbidden", needs_more_than_a_token),
        ("408", "BodyStalled", reads_input),
        ("413", "BodyTooLarge", reads_input),
        ("500", "InternalError", role.is_some()),
        ("503", "Unavailable", role.is_some()),
    ];
    for (status, name, applies) in statuses {
        if applies && operation["responses"].get(status).is_none() {
            operation["responses"][status] = json!({ "$ref": format!("#/components/responses/{name}") });
        }
    }
    let responses = operation["responses"].as_object_mut().into_iter().flat_map(Map::values_mut);
    for response in responses.filter(|response| response.get("$ref").is_none()) {
        response["headers"]["X-Request-ID"] = responses::request_id_header();
    }
    if let Some(responses) = operation["responses"].as_object_mut() {
        responses.sort_keys();
    }
}

/// Names of the schemas that are referred to anywhere in `value`.
fn note_references(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            let name = members.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next());
            names.extend(name.map(str::to_owned));
            members.values().for_each(|member| note_references(member, names));
        }
        Value::Array(items) => items.iter().for_each(|item| note_references(item, names)),
        _ => {}
    }
}

/// Answers may gain members; that a type also refuses unknown ones where it is read from a file is another matter.
fn open_objects(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if members.get("additionalProperties") == Some(&Value::Bool(false)) {
                members.shift_remove("additionalProperties");
            }
            members.values_mut().for_each(open_objects);
        }
        Value::Array(items) => items.iter_mut().for_each(open_objects),
        _ => {}
    }
}

/// Closes the schemas of bodies, and all that they refer to: spec §8 refuses what is unknown.
fn refuse_unknown_members(document: &mut Value, mut names: BTreeSet<String>) {
    let mut done = BTreeSet::new();
    while let Some(name) = names.pop_first() {
        if !done.insert(name.clone()) {
            continue;
        }
        let schema = &mut document["components"]["schemas"][&name];
        close(schema);
        note_references(schema, &mut names);
    }
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.values_mut().for_each(close);
            if members.contains_key("properties") {
                members.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

#[cfg(test)]
mod tests;

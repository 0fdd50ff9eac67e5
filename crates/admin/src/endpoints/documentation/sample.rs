//! Calls to paste: `curl` with a body that has what is required.

use http::Method;
use serde_json::{Map, Value, json};

/// The command for an operation.
pub(super) fn curl(document: &Value, method: &Method, path: &str, operation: &Value) -> String {
    let is_stream = operation["responses"]["200"]["content"]["text/event-stream"].is_object();
    let how = match *method {
        Method::GET if is_stream => "-N ".to_owned(),
        Method::GET => String::new(),
        _ => format!("-X {method} "),
    };
    let mut words = vec![format!("curl {how}\"$RELAY_MANAGER_SERVER{}\"", with_names(path))];
    if operation["security"].is_null() {
        words.push("-H \"Authorization: Bearer $RELAY_MANAGER_ADMIN_TOKEN\"".to_owned());
    }
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    if !schema.is_null() {
        words.push("-H \"Content-Type: application/json\"".to_owned());
        words.push(format!("-d '{}'", value(document, schema, 0).to_string().replace('\'', "'\\''")));
    }
    words.join(" \\\n  ")
}

/// The path with variables of a shell for its parameters.
fn with_names(path: &str) -> String {
    let parts = path.split('/').map(|part| match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
        Some(name) => format!("${}", name.to_uppercase()),
        None => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("/")
}

/// A small value that the schema takes: its example, or what is required.
fn value(document: &Value, schema: &Value, depth: usize) -> Value {
    if let Some(path) = schema["$ref"].as_str() {
        return document
            .pointer(path.trim_start_matches('#'))
            .map_or(Value::Null, |schema| value(document, schema, depth));
    }
    if !schema["example"].is_null() {
        return schema["example"].clone();
    }
    if let Some(first) = schema["oneOf"].get(0).or_else(|| schema["enum"].get(0)) {
        return if first.is_object() { value(document, first, depth) } else { first.clone() };
    }
    let name = schema["type"].as_str().or_else(|| schema["type"].get(0)?.as_str()).unwrap_or_default();
    match name {
        "object" => object(document, schema, depth),
        "array" => json!([value(document, &schema["items"], depth + 1)]),
        "integer" | "number" => schema["minimum"].as_i64().unwrap_or(1).into(),
        "boolean" => true.into(),
        "string" if schema["format"] == "date-time" => "2026-11-26T00:00:00Z".into(),
        _ => "…".into(),
    }
}

fn object(document: &Value, schema: &Value, depth: usize) -> Value {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    // A fleet document requires nothing; one that says nothing would not help.
    let is_shown = |name: &str| required.contains(&name) || (required.is_empty() && depth == 0);
    let members = schema["properties"].as_object().into_iter().flatten().filter(|(name, _)| is_shown(name));
    let members = members.map(|(name, schema)| (name.clone(), value(document, schema, depth + 1)));
    Value::Object(members.collect::<Map<_, _>>())
}

//! Whether an answer is what the OpenAPI document says. Every exchange of every
//! test in this suite is held against it (`support`), so that what any test
//! brings forth is described: its status, its type, and each of its members.

use std::collections::BTreeSet;

use http::Method;
use serde_json::Value;

use crate::support::Answer;

/// Members that are described, or why the value is not as described.
type Checked = Result<BTreeSet<String>, String>;

/// Panics when the answer to a call is not described.
#[track_caller]
pub(crate) fn check(document: &Value, method: &Method, path: &str, answer: &Answer) {
    let path = path.split('?').next().unwrap_or_default();
    let Some(operation) = operation(document, method, path) else {
        assert!(
            matches!(answer.status.as_u16(), 400 | 401 | 404 | 405),
            "{method} {path} is not described: {}",
            answer.text
        );
        return;
    };
    let name = format!("{method} {path} -> {}", answer.status.as_u16());
    let response = &operation["responses"][answer.status.as_str()];
    assert!(!response.is_null(), "{name} is not described: {}", answer.text);
    let response = resolve(document, response);
    for (header, described) in response["headers"].as_object().into_iter().flatten() {
        assert!(described["required"] != true || !answer.header(header).is_empty(), "{name}: no {header}");
    }
    let Some(content) = response["content"].as_object() else {
        assert!(answer.text.is_empty(), "{name} has a body that is not described: {}", answer.text);
        return;
    };
    let given = answer.header("content-type").split(';').next().unwrap_or_default();
    let described = content.get(given);
    let described = described.unwrap_or_else(|| panic!("{name}: the type {given:?} is not described"));
    if given == "application/json"
        && let Err(fault) = closed(document, &described["schema"], &answer.json(), "$")
    {
        panic!("{name} is not as described: {fault}\n{:#}", answer.json());
    }
}

/// The operation for a path with its parameters filled in; what is written out goes before them.
fn operation<'d>(document: &'d Value, method: &Method, path: &str) -> Option<&'d Value> {
    let fits = |template: &str| {
        let (mut template, mut path) = (template.split('/'), path.split('/'));
        let fit = template.by_ref().zip(path.by_ref()).all(|(t, p)| t == p || (t.starts_with('{') && !p.is_empty()));
        fit && template.next().is_none() && path.next().is_none()
    };
    let templates = document["paths"].as_object()?.iter().filter(|(template, _)| fits(template));
    let (_, methods) = templates.min_by_key(|(template, _)| template.matches('{').count())?;
    methods.get(method.as_str().to_lowercase())
}

fn resolve<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    match value["$ref"].as_str() {
        Some(path) => document.pointer(path.trim_start_matches('#')).unwrap_or_else(|| panic!("{path} leads nowhere")),
        None => value,
    }
}

/// That the value is as described, and has no member that is not.
fn closed(document: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let known = described(document, schema, value, at)?;
    let unknown = value.as_object().into_iter().flat_map(|members| members.keys());
    match unknown.into_iter().find(|name| !known.contains(*name)) {
        Some(name) => Err(format!("{at}.{name} is not described")),
        None => Ok(()),
    }
}

fn described(document: &Value, schema: &Value, value: &Value, at: &str) -> Checked {
    let schema = resolve(document, schema);
    let mut known = of_type(schema, value, at)?;
    for part in schema["allOf"].as_array().into_iter().flatten() {
        known.extend(described(document, part, value, at)?);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let fitting: Vec<Checked> = choices
            .iter()
            .map(|choice| closed(document, choice, value, at).and_then(|()| described(document, choice, value, at)))
            .collect();
        match fitting.iter().find(|fit| fit.is_ok()).or(fitting.last()) {
            Some(fit) => known.extend(fit.clone()?),
            None => return Err(format!("{at} has no choice")),
        }
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.is_object() && value.get(name).is_none() {
            return Err(format!("{at}.{name} is missing"));
        }
    }
    for (name, member) in value.as_object().into_iter().flatten() {
        if let Some(schema) = schema["properties"].get(name) {
            closed(document, schema, member, &format!("{at}.{name}"))?;
            known.insert(name.clone());
        } else if !matches!(schema["additionalProperties"], Value::Null | Value::Bool(false)) {
            known.insert(name.clone());
        }
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        if let Some(schema) = schema.get("items") {
            closed(document, schema, item, &format!("{at}[{index}]"))?;
        }
    }
    Ok(known)
}

/// That the value is of the schema's type. Where any value may be, any member may.
fn of_type(schema: &Value, value: &Value, at: &str) -> Checked {
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => false,
    };
    let fits = match &schema["type"] {
        Value::String(name) => is(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).any(is),
        _ => true,
    };
    if !fits {
        return Err(format!("{at} is {value}, not {}", schema["type"]));
    }
    if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
        return Err(format!("{at} is {value}, not one of {}", schema["enum"]));
    }
    let is_free = ["type", "oneOf", "allOf", "properties"].iter().all(|keyword| schema.get(*keyword).is_none());
    let members = value.as_object().filter(|_| is_free);
    Ok(members.into_iter().flat_map(|members| members.keys().cloned()).collect())
}

//! What the page shows, in its order: the document by tags, then its schemas.

use askama::Template;
use http::Method;
use serde_json::Value;

use super::prose::{escape, line, paragraphs, type_of};
use super::sample;
use crate::openapi::ROLE;

/// Statuses that nearly every endpoint can give; shown in one line.
const COMMON: [&str; 7] = ["400", "401", "403", "408", "413", "500", "503"];

/// The page. What is called `…_html` is escaped already.
#[derive(Template)]
#[template(path = "docs.html")]
pub(super) struct View {
    version: String,
    about_html: Vec<String>,
    tags: Vec<Tag>,
    schemas: Vec<Schema>,
}

struct Tag {
    name: String,
    about_html: String,
    operations: Vec<Operation>,
}

struct Operation {
    id: String,
    method: Method,
    path: String,
    summary_html: String,
    about_html: Vec<String>,
    role: Option<String>,
    parameters: Vec<Field>,
    /// Content types, with what each takes.
    body: Vec<(String, String)>,
    answers: Vec<Answer>,
    common: Vec<String>,
    curl: String,
}

struct Answer {
    status: String,
    /// Its first digit.
    class: char,
    meaning_html: String,
    /// What comes.
    type_html: String,
}

struct Schema {
    name: String,
    about_html: String,
    fields: Vec<Field>,
    /// What it is, when it has no fields.
    type_html: String,
}

struct Field {
    name: String,
    place: String,
    type_html: String,
    is_required: bool,
    about_html: String,
}

impl View {
    pub(super) fn of(document: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let tags = document["tags"].as_array().into_iter().flatten().map(|tag| Tag {
            name: text(&tag["name"]),
            about_html: line(&text(&tag["description"])),
            operations: operations(document, &text(&tag["name"])),
        });
        let schemas = document["components"]["schemas"].as_object().into_iter().flatten();
        Self {
            version: text(&document["info"]["version"]),
            about_html: paragraphs(&text(&document["info"]["description"])),
            tags: tags.collect(),
            schemas: schemas.map(|(name, schema)| Schema::of(name, schema)).collect(),
        }
    }
}

fn operations(document: &Value, tag: &str) -> Vec<Operation> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let all = paths.flat_map(|(path, methods)| {
        methods.as_object().into_iter().flatten().map(move |(method, operation)| (path, method, operation))
    });
    let of_tag = all.filter(|(_, _, operation)| operation["tags"][0] == tag);
    of_tag.map(|(path, method, operation)| Operation::of(document, path, method, operation)).collect()
}

impl Operation {
    fn of(document: &Value, path: &str, method: &str, operation: &Value) -> Self {
        let text = |name: &str| operation[name].as_str().unwrap_or_default();
        let method = method.to_uppercase().parse().unwrap_or(Method::GET);
        let role = operation[ROLE].as_str().map(str::to_owned);
        let mut about_html = paragraphs(text("description"));
        if role.is_some() {
            // The role has a place of its own.
            about_html.pop();
        }
        let (common, own): (Vec<_>, Vec<_>) = operation["responses"]
            .as_object()
            .into_iter()
            .flatten()
            .partition(|(status, response)| COMMON.contains(&status.as_str()) && !response["$ref"].is_null());
        Self {
            id: text("operationId").to_owned(),
            curl: sample::curl(document, &method, path, operation),
            method,
            path: path.to_owned(),
            summary_html: line(text("summary").trim_end_matches('.')),
            about_html,
            role,
            parameters: operation["parameters"].as_array().into_iter().flatten().map(Field::of_parameter).collect(),
            body: contents(&operation["requestBody"]),
            answers: own.into_iter().map(|(status, response)| answer(document, status, response)).collect(),
            common: common.into_iter().map(|(status, _)| status.clone()).collect(),
        }
    }
}

fn contents(described: &Value) -> Vec<(String, String)> {
    let contents = described["content"].as_object().into_iter().flatten();
    contents.map(|(name, content)| (name.clone(), type_of(&content["schema"]))).collect()
}

fn answer(document: &Value, status: &str, response: &Value) -> Answer {
    let shared = response["$ref"].as_str().and_then(|path| document.pointer(path.trim_start_matches('#')));
    let response = shared.unwrap_or(response);
    let given = contents(response).into_iter().map(|(content_type, type_html)| match content_type.as_str() {
        "application/json" => type_html,
        other => format!("<code>{}</code>", escape(other)),
    });
    Answer {
        status: status.to_owned(),
        class: status.chars().next().unwrap_or_default(),
        meaning_html: line(response["description"].as_str().unwrap_or_default()),
        type_html: given.collect::<Vec<_>>().join(" or "),
    }
}

impl Schema {
    fn of(name: &str, schema: &Value) -> Self {
        let fields = fields(schema);
        Self {
            name: name.to_owned(),
            about_html: line(schema["description"].as_str().unwrap_or_default()),
            type_html: if fields.is_empty() { type_of(schema) } else { parts(schema) },
            fields,
        }
    }
}

/// The fields of a schema, those of its parts that have no name included.
fn fields(schema: &Value) -> Vec<Field> {
    let parts = schema["allOf"].as_array().into_iter().flatten().chain([schema]);
    let of_part = parts.flat_map(|part| {
        let required: Vec<&str> = part["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let properties = part["properties"].as_object().into_iter().flatten();
        properties.map(move |(name, schema)| Field::of_property(name, schema, required.contains(&name.as_str())))
    });
    of_part.collect()
}

/// The named schemas whose fields it has as well.
fn parts(schema: &Value) -> String {
    let parts = schema["allOf"].as_array().into_iter().flatten().filter(|part| !part["$ref"].is_null());
    let named: Vec<String> = parts.map(type_of).collect();
    if named.is_empty() { String::new() } else { format!("All of {}, and:", named.join(" and ")) }
}

impl Field {
    fn of_parameter(parameter: &Value) -> Self {
        let text = |name: &str| parameter[name].as_str().unwrap_or_default();
        Self {
            name: text("name").to_owned(),
            place: text("in").to_owned(),
            type_html: type_of(&parameter["schema"]),
            is_required: parameter["required"] == true,
            about_html: line(text("description")),
        }
    }

    fn of_property(name: &str, schema: &Value, is_required: bool) -> Self {
        let about = schema["description"].as_str().or_else(|| schema["oneOf"][0]["description"].as_str());
        Self {
            name: name.to_owned(),
            place: String::new(),
            type_html: type_of(schema),
            is_required,
            about_html: line(about.unwrap_or_default()),
        }
    }
}

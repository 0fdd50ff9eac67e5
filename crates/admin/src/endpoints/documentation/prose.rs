//! Texts of the document as HTML. They are our own doc comments, with code in
//! backticks and empty lines between paragraphs; nothing more of Markdown.

use std::fmt::Write as _;

use serde_json::Value;

/// A text with what HTML gives a meaning escaped.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// One line, with code.
pub(super) fn line(text: &str) -> String {
    let mut html = String::new();
    for (position, part) in text.split('`').enumerate() {
        let part = escape(part);
        let _ = if position % 2 == 1 { write!(html, "<code>{part}</code>") } else { write!(html, "{part}") };
    }
    html
}

/// Paragraphs.
pub(super) fn paragraphs(text: &str) -> Vec<String> {
    text.split("\n\n").map(str::trim).filter(|text| !text.is_empty()).map(line).collect()
}

/// What a schema takes, in words, with links to the schemas it names.
pub(super) fn type_of(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return format!("<a href=\"#schema-{0}\">{0}</a>", escape(name));
    }
    for choices in ["oneOf", "anyOf"] {
        if let Some(choices) = schema[choices].as_array() {
            return choices.iter().map(type_of).collect::<Vec<_>>().join(" or ");
        }
    }
    if let Some(parts) = schema["allOf"].as_array() {
        return parts.iter().map(type_of).collect::<Vec<_>>().join(" with ");
    }
    if let Some(words) = schema["enum"].as_array() {
        let words = words.iter().filter_map(Value::as_str).map(|word| format!("<code>{}</code>", escape(word)));
        return words.collect::<Vec<_>>().join(" or ");
    }
    let names: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => return "anything".to_owned(),
    };
    names.into_iter().map(|name| simple_type(name, schema)).collect::<Vec<_>>().join(" or ")
}

fn simple_type(name: &str, schema: &Value) -> String {
    match name {
        "array" => format!("list of {}", type_of(&schema["items"])),
        "object" if schema["additionalProperties"].is_object() => {
            format!("map to {}", type_of(&schema["additionalProperties"]))
        }
        "integer" | "number" => match (schema["minimum"].as_i64(), schema["maximum"].as_i64()) {
            (Some(least), Some(most)) => format!("{name} from {least} to {most}"),
            (Some(least), None) if least > 0 => format!("{name} from {least}"),
            _ => name.to_owned(),
        },
        "string" if schema["format"] == "date-time" => "time".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn code_is_marked_and_everything_is_escaped() {
        assert_eq!(line("a `<b>` & \"c\""), "a <code>&lt;b&gt;</code> &amp; &quot;c&quot;");
        assert_eq!(paragraphs("a\nb\n\n`c`"), ["a\nb", "<code>c</code>"]);
    }

    #[test]
    fn a_type_is_told_in_words() {
        assert_eq!(type_of(&json!({"type": ["string", "null"], "format": "date-time"})), "time or null");
        assert_eq!(type_of(&json!({"type": "integer", "minimum": 1, "maximum": 500})), "integer from 1 to 500");
        let items = json!({"type": "array", "items": {"$ref": "#/components/schemas/Host"}});
        assert_eq!(type_of(&items), "list of <a href=\"#schema-Host\">Host</a>");
        assert_eq!(type_of(&json!({"type": "string", "enum": ["a", "b"]})), "<code>a</code> or <code>b</code>");
        assert_eq!(type_of(&json!({})), "anything");
    }
}

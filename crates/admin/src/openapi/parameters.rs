//! What no parameter can be, whatever its endpoint: a query's text is trimmed, and refused when nothing is left of it
//! (`query::Params::filters`), and a header is not `null`.

use serde_json::{Value, json};

/// Says so of an operation's parameters.
pub(super) fn narrow(operation: &mut Value) {
    for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
        let is_query = parameter["in"] == "query";
        let schema = &mut parameter["schema"];
        if schema["type"] == json!(["string", "null"]) {
            schema["type"] = "string".into();
        }
        // A pattern, a format and an enum say more.
        let is_any_text = schema["type"] == "string"
            && ["pattern", "format", "enum"].iter().all(|narrower| schema.get(*narrower).is_none());
        if is_query && is_any_text {
            schema["pattern"] = r"\S".into();
        }
    }
}

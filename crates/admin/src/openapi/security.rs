//! Who is let in: a token, or a person's session of the console on the same listener.

use serde_json::{Value, json};

/// The ways in, by name.
pub(super) fn schemes() -> Value {
    json!({
        "bearer": { "type": "http", "scheme": "bearer", "description": "An admin token, `rma-…`." },
        "session": {
            "type": "apiKey", "in": "cookie", "name": "relay_session",
            "description": "A session of the web console, which logging in there gives. It is looked at only when there \
                is no `Authorization`, and has the role of the token that it was opened with.",
        },
        "csrf": {
            "type": "apiKey", "in": "header", "name": "X-CSRF-Token",
            "description": "The session's token, which the forms of the console hold as `csrf`. Needed with a \
                session by whatever is not a `GET`, together with an `Origin` of this server.",
        },
    })
}

/// What an operation that needs a token takes: either way is enough.
pub(super) fn requirement(method: &str) -> Value {
    match method {
        "get" | "head" => json!([{ "bearer": [] }, { "session": [] }]),
        _ => json!([{ "bearer": [] }, { "session": [], "csrf": [] }]),
    }
}

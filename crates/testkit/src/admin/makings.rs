//! Which calls made something, and which would have: whether a client does what is done a second time is read off here.

use http::request::Parts;
use serde_json::Value;

use super::ask::{number, text};
use super::panel::FakePanel;

/// A call that makes an object, in the order of their coming.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Making {
    /// What it makes, by what identifies it to its caller: `user a@relay.example`, `subscription 4/7`, `key sk-…`.
    pub what: String,
    /// Whether the host did it, whatever became of the answer.
    pub done: bool,
}

impl FakePanel {
    /// Writes down a call, if it is one that makes an object of its caller's choice.
    pub(super) fn note(&mut self, parts: &Parts, body: &[u8], done: bool) {
        let what = what(parts.method.as_str(), parts.uri.path(), body);
        self.makings.extend(what.map(|what| Making { what, done }));
    }
}

fn what(method: &str, path: &str, body: &[u8]) -> Option<String> {
    if method != "POST" {
        return None;
    }
    let body: Value = serde_json::from_slice(body).ok()?;
    match path {
        "/api/v1/admin/users" => Some(format!("user {}", text(&body, "email")?.to_lowercase())),
        "/api/v1/admin/subscriptions/assign" => {
            Some(format!("subscription {}/{}", number(&body, "user_id")?, number(&body, "group_id")?))
        }
        "/api/v1/keys" => Some(format!("key {}", text(&body, "custom_key")?)),
        _ => None,
    }
}

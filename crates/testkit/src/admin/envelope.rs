//! The shapes of the panel's answers (sub2api-host-api.md §1.2, §1.4): middleware answers with a string code, handlers with a numeric
//! one, on the same URL.

use serde_json::{Value, json};

use super::ask::Ask;
use super::panel::FakePanel;
use crate::reply::Reply;

/// Used when the query asks for no size, or for one that the host does not allow: it is not clamped (§1.4).
const DEFAULT_PAGE_SIZE: usize = 20;

/// The router's word for a path it does not know.
pub(super) fn not_found() -> Reply {
    Reply::raw("text/plain", "404 page not found").status(404)
}

/// Shape A: middleware.
pub(super) fn middleware_error(status: u16, code: &str, message: &str) -> Box<Reply> {
    Box::new(Reply::json(&json!({"code": code, "message": message})).status(status))
}

/// Shape B: handlers. `data` that is nothing is left out.
pub(super) fn success(data: &Value) -> Reply {
    if data.is_null() {
        return Reply::json(&json!({"code": 0, "message": "success"}));
    }
    Reply::json(&json!({"code": 0, "message": "success", "data": data}))
}

pub(super) fn handler_error(status: u16, message: &str, reason: Option<&str>) -> Box<Reply> {
    let mut body = json!({"code": status, "message": message});
    if let Some(reason) = reason {
        body["reason"] = reason.into();
    }
    Box::new(Reply::json(&body).status(status))
}

/// A typed application error.
pub(super) fn refuse(status: u16, reason: &str, message: &str) -> Box<Reply> {
    handler_error(status, message, Some(reason))
}

/// Whatever is no typed application error: a broken foreign key, a column that is too short.
pub(super) fn internal_error() -> Box<Reply> {
    handler_error(500, "internal error", None)
}

pub(super) fn invalid_request(what: &str) -> Box<Reply> {
    handler_error(400, &format!("Invalid request: {what}"), None)
}

/// A field that the host's validator does not like.
pub(super) fn invalid_field(form: &str, field: &str, tag: &str) -> Box<Reply> {
    invalid_request(&format!("Key: '{form}.{field}' Error:Field validation for '{field}' failed on the '{tag}' tag"))
}

/// Shape F: limiters by address.
pub(super) fn flat_limit(seconds: i64) -> Box<Reply> {
    let body = json!({"error": "rate limit exceeded", "message": "Too many requests, please try again later"});
    Box::new(Reply::json(&body).status(429).header("Retry-After", &seconds.to_string()))
}

/// One page, with the size rule of the personality.
pub(super) fn page(panel: &FakePanel, ask: &Ask<'_>, items: &[Value]) -> Value {
    paged(panel, ask, items, 1)
}

/// The subscription lists say that an empty list has no pages.
pub(super) fn subscription_page(panel: &FakePanel, ask: &Ask<'_>, items: &[Value]) -> Value {
    paged(panel, ask, items, 0)
}

fn paged(panel: &FakePanel, ask: &Ask<'_>, items: &[Value], fewest: usize) -> Value {
    let cap = if panel.is_n() { 1_000 } else { 100 };
    let number = |value: Option<String>| value.and_then(|value| value.parse::<usize>().ok());
    let asked = ask.param("page_size").or_else(|| ask.param("limit"));
    let size = number(asked).filter(|size| (1..=cap).contains(size)).unwrap_or(DEFAULT_PAGE_SIZE);
    let page = number(ask.param("page")).filter(|page| *page > 0).unwrap_or(1);
    let shown: Vec<&Value> = items.iter().skip((page - 1) * size).take(size).collect();
    let pages = items.len().div_ceil(size).max(fewest);
    json!({"items": shown, "total": items.len(), "page": page, "page_size": size, "pages": pages})
}

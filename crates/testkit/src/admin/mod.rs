//! The panel of a host: public settings, the admin key, and the envelope of its handlers (sub2api-host-api.md §1).
//!
//! Middleware answers with a string code, handlers with a numeric one, on the same URL: both are kept apart here as there.

mod groups;

use http::request::Parts;
use serde_json::{Value, json};

pub use self::groups::FakeGroup;
use crate::gateway::Personality;
use crate::reply::Reply;
use crate::server::HostState;
use crate::wire_query::query_value;

/// What the panel of a host holds.
pub(crate) struct Panel {
    pub(crate) admin_key: Option<String>,
    pub(crate) compliance_pending: bool,
    pub(crate) groups: Vec<FakeGroup>,
}

/// What an administrator accepts; an upgrade of the host can change it.
const COMPLIANCE_VERSION: &str = "v2026.06.10";

/// Used when the query asks for no size, or for one that the host does not allow: it is not clamped (§1.4).
const DEFAULT_PAGE_SIZE: usize = 20;

/// Answers a request below `/api/v1/`.
pub(crate) fn reply(host: &HostState, parts: &Parts) -> Reply {
    let path = parts.uri.path().trim_start_matches("/api/v1/");
    let is_get = parts.method == http::Method::GET;
    if path == "settings/public" && is_get {
        return settings(host);
    }
    let Some(route) = path.strip_prefix("admin/") else {
        return not_found();
    };
    let known = is_get && (route == "groups" || route == "compliance" || groups::id_segment(route).is_some());
    if !known {
        // The router looks for the route before the middleware looks for the key.
        return not_found();
    }
    if let Some(refusal) = refuse(host, parts) {
        return refusal;
    }
    if route == "compliance" {
        return if host.personality == Personality::N { compliance(host) } else { not_found() };
    }
    if host.panel.compliance_pending && host.personality == Personality::N {
        return compliance_gate();
    }
    let query = parts.uri.query().unwrap_or_default();
    match groups::id_segment(route) {
        None => groups::list(host, query),
        Some("all") => groups::all(host, query),
        Some(id) => groups::one(host, id),
    }
}

fn refuse(host: &HostState, parts: &Parts) -> Option<Reply> {
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(key) = header("x-api-key").filter(|key| !key.is_empty()) {
        // No key configured and a wrong one read the same from outside.
        return match &host.panel.admin_key {
            Some(expected) if expected == key => None,
            _ => Some(middleware_error(401, "INVALID_ADMIN_KEY", "Invalid admin API key")),
        };
    }
    let bearer = header("authorization").and_then(|value| value.split_once(' ')).filter(|(scheme, token)| {
        let exact = host.personality == Personality::S;
        !token.trim().is_empty() && (*scheme == "Bearer" || (!exact && scheme.eq_ignore_ascii_case("bearer")))
    });
    Some(match bearer {
        // No logins here yet, so that no token can be a good one.
        Some(_) => middleware_error(401, "INVALID_TOKEN", "Invalid token"),
        None => middleware_error(401, "UNAUTHORIZED", "Authorization required"),
    })
}

fn settings(host: &HostState) -> Reply {
    let mut data = json!({
        "registration_enabled": false, "email_verify_enabled": false, "turnstile_enabled": false,
        "site_name": host.name, "version": host.version,
    });
    if host.personality == Personality::N {
        data["totp_enabled"] = false.into();
        data["tencent_captcha_enabled"] = false.into();
        data["aliyun_captcha_enabled"] = false.into();
        data["backend_mode_enabled"] = false.into();
    }
    success(&data)
}

fn compliance(host: &HostState) -> Reply {
    success(&json!({"required": host.panel.compliance_pending, "version": COMPLIANCE_VERSION}))
}

fn compliance_gate() -> Reply {
    let body = json!({
        "code": "ADMIN_COMPLIANCE_ACK_REQUIRED", "message": "administrator compliance acknowledgement is required",
        "metadata": {"version": COMPLIANCE_VERSION},
    });
    Reply::json(&body).status(423)
}

fn not_found() -> Reply {
    Reply::raw("text/plain", "404 page not found").status(404)
}

/// Shape A: middleware.
fn middleware_error(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(&json!({"code": code, "message": message})).status(status)
}

/// Shape B: handlers.
fn success(data: &Value) -> Reply {
    Reply::json(&json!({"code": 0, "message": "success", "data": data}))
}

fn handler_error(status: u16, message: &str, reason: Option<&str>) -> Reply {
    let mut body = json!({"code": status, "message": message});
    if let Some(reason) = reason {
        body["reason"] = reason.into();
    }
    Reply::json(&body).status(status)
}

/// One page, with the size rule of the personality.
fn page(host: &HostState, query: &str, items: &[Value]) -> Reply {
    let cap = if host.personality == Personality::S { 100 } else { 1_000 };
    let number = |name: &str| query_value(query, name).and_then(|value| value.parse::<usize>().ok());
    let allowed = |size: &usize| (1..=cap).contains(size);
    let size = number("page_size").or_else(|| number("limit")).filter(allowed).unwrap_or(DEFAULT_PAGE_SIZE);
    let page = number("page").filter(|page| *page > 0).unwrap_or(1);
    let shown: Vec<&Value> = items.iter().skip((page - 1) * size).take(size).collect();
    let pages = items.len().div_ceil(size).max(1);
    success(&json!({"items": shown, "total": items.len(), "page": page, "page_size": size, "pages": pages}))
}

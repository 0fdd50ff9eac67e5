//! Who may call (sub2api-host-api.md §1.1, §1.2): admin key, administrator's session, user's session, and what `[N]` asks on top.

use http::HeaderMap;
use serde_json::json;

use super::envelope::{handler_error, middleware_error};
use super::panel::FakePanel;
use crate::reply::Reply;

/// What an administrator accepts; an upgrade of the host can change it.
pub(super) const COMPLIANCE_VERSION: &str = "v2026.06.10";

/// What a route asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guard {
    Nobody,
    Admin,
    /// An administrator who need not have accepted the terms.
    AdminBeforeTerms,
    User,
}

/// Whom a request was let in as.
#[derive(Clone, Copy, Default)]
pub(super) struct Caller {
    pub(super) user: i64,
    pub(super) by_admin_key: bool,
}

pub(super) fn let_in(panel: &mut FakePanel, guard: Guard, headers: &HeaderMap) -> Result<Caller, Box<Reply>> {
    let caller = match guard {
        Guard::Nobody => return Ok(Caller::default()),
        Guard::Admin | Guard::AdminBeforeTerms => administrator(panel, headers)?,
        Guard::User => user(panel, headers)?,
    };
    if !panel.is_n() {
        return Ok(caller);
    }
    let is_admin = panel.user_by_id(caller.user).is_some_and(|user| user.admin);
    if guard == Guard::User && panel.backend_mode && !is_admin {
        return Err(handler_error(403, "Backend mode is active. User self-service is disabled.", None));
    }
    if !(is_admin && panel.limits.exempt_admins) {
        let (now, limit) = (panel.now(), panel.limits.panel);
        panel.limits.count(&format!("panel {}", caller.user), limit, now).map_err(panel_limit)?;
    }
    if guard == Guard::Admin && panel.compliance_pending {
        return Err(compliance_gate());
    }
    Ok(caller)
}

pub(super) fn panel_limit(seconds: i64) -> Box<Reply> {
    let message = "Too many requests, please slow down and try again later";
    Box::new(middleware_error(429, "RATE_LIMITED", message).header("Retry-After", &seconds.to_string()))
}

fn administrator(panel: &mut FakePanel, headers: &HeaderMap) -> Result<Caller, Box<Reply>> {
    if let Some(key) = header(headers, "x-api-key").filter(|key| !key.is_empty()) {
        // No key configured and a wrong one read the same from outside.
        if panel.admin_key.as_deref() != Some(key) {
            return Err(middleware_error(401, "INVALID_ADMIN_KEY", "Invalid admin API key"));
        }
        let admin =
            panel.users.iter().filter(|user| user.admin && user.active && !user.deleted).min_by_key(|user| user.id);
        let Some(admin) = admin else {
            return Err(middleware_error(500, "INTERNAL_ERROR", "No admin user found"));
        };
        return Ok(Caller { user: admin.id, by_admin_key: true });
    }
    let Some(token) = bearer(panel, headers).filter(|token| !token.is_empty()) else {
        return Err(middleware_error(401, "UNAUTHORIZED", "Authorization required"));
    };
    let caller = session(panel, &token, headers)?;
    if panel.user_by_id(caller.user).is_some_and(|user| user.admin) {
        return Ok(caller);
    }
    Err(middleware_error(403, "FORBIDDEN", "Admin access required"))
}

fn user(panel: &mut FakePanel, headers: &HeaderMap) -> Result<Caller, Box<Reply>> {
    if header(headers, "authorization").is_none_or(str::is_empty) {
        return Err(middleware_error(401, "UNAUTHORIZED", "Authorization header is required"));
    }
    let Some(token) = bearer(panel, headers) else {
        let message = "Authorization header format must be 'Bearer {token}'";
        return Err(middleware_error(401, "INVALID_AUTH_HEADER", message));
    };
    if token.is_empty() {
        return Err(middleware_error(401, "EMPTY_TOKEN", "Token cannot be empty"));
    }
    session(panel, &token, headers)
}

fn session(panel: &mut FakePanel, token: &str, headers: &HeaderMap) -> Result<Caller, Box<Reply>> {
    let Some(session) = panel.sessions.get(token).cloned() else {
        return Err(middleware_error(401, "INVALID_TOKEN", "Invalid token"));
    };
    if session.expires_at <= panel.now() {
        return Err(middleware_error(401, "TOKEN_EXPIRED", "Token has expired"));
    }
    let Some(user) = panel.user_by_id(session.user) else {
        return Err(middleware_error(401, "USER_NOT_FOUND", "User not found"));
    };
    if !user.active {
        return Err(middleware_error(401, "USER_INACTIVE", "User account is not active"));
    }
    if panel.is_n() && user.password_version != session.password_version {
        return Err(middleware_error(401, "TOKEN_REVOKED", "Token has been revoked (password changed)"));
    }
    let agent = header(headers, "user-agent").unwrap_or_default();
    if panel.is_n() && panel.session_binding && agent != session.agent {
        panel.sessions.revoke_family_of(token);
        let message = "Session network fingerprint changed, please login again";
        return Err(middleware_error(401, "SESSION_BINDING_MISMATCH", message));
    }
    Ok(Caller { user: session.user, by_admin_key: false })
}

/// `[S]` wants the exact word.
fn bearer(panel: &FakePanel, headers: &HeaderMap) -> Option<String> {
    let (scheme, token) = header(headers, "authorization")?.split_once(' ')?;
    let is_bearer = scheme == "Bearer" || (panel.is_n() && scheme.eq_ignore_ascii_case("bearer"));
    is_bearer.then(|| token.trim().to_owned())
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn compliance_gate() -> Box<Reply> {
    let body = json!({
        "code": "ADMIN_COMPLIANCE_ACK_REQUIRED", "message": "administrator compliance acknowledgement is required",
        "metadata": {
            "version": COMPLIANCE_VERSION, "document_path_en": "docs/legal/admin-compliance.en.md",
            "document_url_en": "https://host.example/docs/legal/admin-compliance.en.md",
        },
    });
    Box::new(Reply::json(&body).status(423))
}

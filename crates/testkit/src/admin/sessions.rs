//! Logging in and sessions (sub2api-host-api.md §1.3): tokens, their renewal on `[N]`, and what stands in the way.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::ask::{Ask, Outcome, text};
use super::envelope::{flat_limit, handler_error, invalid_field, refuse};
use super::panel::FakePanel;
use super::rows::{Captcha, FakeUser};
use super::users;
use crate::reply::Reply;

/// Wrong codes that one two-factor login takes.
const MAX_CODES: u32 = 5;

/// What a token stands for.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) user: i64,
    pub(super) password_version: u32,
    pub(super) agent: String,
    pub(super) expires_at: Timestamp,
    family: String,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Sessions {
    access: HashMap<String, Session>,
    refresh: HashMap<String, Session>,
    /// Two-factor logins half done: user and wrong codes.
    half: HashMap<String, (i64, u32)>,
}

impl Sessions {
    pub(super) fn get(&self, token: &str) -> Option<&Session> {
        self.access.get(token)
    }

    /// Ends the refresh tokens that belong to a session.
    pub(super) fn revoke_family_of(&mut self, token: &str) {
        if let Some(session) = self.access.get(token) {
            let family = session.family.clone();
            self.refresh.retain(|_, session| session.family != family);
        }
    }

    pub(super) fn expire(&mut self, now: Timestamp) {
        self.access.values_mut().for_each(|session| session.expires_at = now);
    }
}

fn random() -> String {
    uuid::Uuid::now_v7().simple().to_string()
}

pub(super) fn login(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    limited(panel, "login", panel.limits.login)?;
    let body = ask.body()?;
    let form = "LoginRequest";
    let email = text(&body, "email").ok_or_else(|| invalid_field(form, "Email", "required"))?;
    if !users::is_email(email) {
        return Err(invalid_field(form, "Email", "email"));
    }
    let password = text(&body, "password").ok_or_else(|| invalid_field(form, "Password", "required"))?;
    captcha(panel)?;
    let is_n = panel.is_n();
    let same = |user: &&FakeUser| !user.deleted && users::same_email(is_n, &user.email, email);
    let user = panel.users.iter().find(same).filter(|user| user.password == password).cloned();
    let user = user.ok_or_else(|| refuse(401, "INVALID_CREDENTIALS", "invalid email or password"))?;
    if !user.active {
        return Err(refuse(403, "USER_NOT_ACTIVE", "user is not active"));
    }
    if is_n && panel.backend_mode && !user.admin {
        let message = "Backend mode is active. Only admin login is allowed.";
        return Err(refuse(403, "BACKEND_MODE_ADMIN_ONLY", message));
    }
    if is_n && panel.two_factor_enabled && user.two_factor.is_some() {
        let token = random();
        panel.sessions.half.insert(token.clone(), (user.id, 0));
        return Ok(json!({"requires_2fa": true, "temp_token": token, "user_email_masked": masked(&user.email)}));
    }
    Ok(tokens(panel, &user, ask, random(), true))
}

pub(super) fn two_factor(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    limited(panel, "two_factor", panel.limits.two_factor)?;
    let body = ask.body()?;
    let form = "Login2FARequest";
    let token = text(&body, "temp_token").ok_or_else(|| invalid_field(form, "TempToken", "required"))?;
    let code = text(&body, "totp_code").ok_or_else(|| invalid_field(form, "TotpCode", "required"))?;
    if code.len() != 6 {
        return Err(invalid_field(form, "TotpCode", "len"));
    }
    let Some((user, wrong)) = panel.sessions.half.get(token).copied() else {
        return Err(handler_error(400, "Invalid or expired 2FA session", None));
    };
    let user = panel.user_by_id(user).cloned().ok_or_else(|| refuse(404, "USER_NOT_FOUND", "user not found"))?;
    if wrong >= MAX_CODES {
        let message = "too many verification attempts, please try again later";
        return Err(refuse(429, "TOTP_TOO_MANY_ATTEMPTS", message));
    }
    if user.two_factor.as_deref() != Some(code) {
        panel.sessions.half.insert(token.to_owned(), (user.id, wrong + 1));
        return Err(refuse(400, "TOTP_INVALID_CODE", "invalid totp code"));
    }
    panel.sessions.half.remove(token);
    Ok(tokens(panel, &user, ask, random(), true))
}

pub(super) fn refresh(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    limited(panel, "refresh", panel.limits.refresh)?;
    let body = ask.body()?;
    let token =
        text(&body, "refresh_token").ok_or_else(|| invalid_field("RefreshTokenRequest", "RefreshToken", "required"))?;
    let session = panel.sessions.refresh.remove(token);
    let session = session.ok_or_else(|| refuse(401, "REFRESH_TOKEN_INVALID", "invalid refresh token"))?;
    let user = panel.user_by_id(session.user).cloned();
    let user = user.ok_or_else(|| refuse(401, "REFRESH_TOKEN_INVALID", "invalid refresh token"))?;
    if !user.active {
        return Err(refuse(403, "USER_NOT_ACTIVE", "user is not active"));
    }
    if user.password_version != session.password_version {
        return Err(refuse(401, "TOKEN_REVOKED", "token has been revoked"));
    }
    if panel.backend_mode && !user.admin {
        return Err(handler_error(403, "Backend mode is active. Only admin login is allowed.", None));
    }
    Ok(tokens(panel, &user, ask, session.family, false))
}

pub(super) fn logout(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    if let Some(token) = ask.body().ok().as_ref().and_then(|body| text(body, "refresh_token")) {
        panel.sessions.refresh.remove(token);
    }
    Ok(json!({"message": "Logged out successfully"}))
}

pub(super) fn me(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    let user = panel.user_by_id(ask.caller).ok_or_else(|| refuse(404, "USER_NOT_FOUND", "user not found"))?;
    let mut json = users::own_json(panel, user);
    if panel.is_n() {
        json["run_mode"] = if panel.simple_mode { "simple" } else { "standard" }.into();
    }
    Ok(json)
}

fn limited(panel: &mut FakePanel, what: &str, limit: u32) -> Result<(), Box<Reply>> {
    if !panel.is_n() {
        return Ok(());
    }
    let now = panel.now();
    panel.limits.count(what, limit, now).map_err(flat_limit)
}

fn captcha(panel: &FakePanel) -> Result<(), Box<Reply>> {
    let (reason, message) = match panel.captcha {
        Some(Captcha::Turnstile) => ("TURNSTILE_VERIFICATION_FAILED", "turnstile verification failed"),
        Some(Captcha::Tencent) if panel.is_n() => {
            ("TENCENT_CAPTCHA_VERIFICATION_FAILED", "tencent captcha verification failed")
        }
        Some(Captcha::Aliyun) if panel.is_n() => {
            ("ALIYUN_CAPTCHA_VERIFICATION_FAILED", "aliyun captcha verification failed")
        }
        _ => return Ok(()),
    };
    Err(refuse(400, reason, message))
}

fn tokens(panel: &mut FakePanel, user: &FakeUser, ask: &Ask<'_>, family: String, with_user: bool) -> Value {
    let session = Session {
        user: user.id,
        password_version: user.password_version,
        agent: ask.header("user-agent").unwrap_or_default().to_owned(),
        expires_at: panel.now() + panel.session_length,
        family,
    };
    // Looks like a signed token to whoever greps for secrets.
    let access = format!("eyJhbGciOiJmYWtlIn0.{}.fake", random());
    panel.sessions.access.insert(access.clone(), session.clone());
    let mut data = json!({"access_token": access});
    if panel.is_n() {
        let refresh = format!("rt_{}{}", random(), random());
        panel.sessions.refresh.insert(refresh.clone(), session);
        data["refresh_token"] = refresh.into();
        data["expires_in"] = panel.session_length.as_secs().into();
    }
    data["token_type"] = "Bearer".into();
    if with_user {
        data["user"] = users::own_json(panel, user);
    }
    data
}

fn masked(email: &str) -> String {
    let (name, domain) = email.split_once('@').unwrap_or((email, ""));
    format!("{}***{}@{domain}", &name[..name.len().min(1)], &name[name.len().saturating_sub(1)..])
}

//! Every error a host's gateway can answer, in one table: sub2api-host-api.md §4.3, texts and codes as they stand on the wire.
//!
//! A [`HostError`] says what; [`HostError::body`] writes it in the shape the path and the personality ask for. The letters A, C, D, E
//! are the shapes of that section.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use crate::gateway::{Personality, Surface};

/// At which stage a host refuses; it decides the shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The key check: shape A, or E on `/v1beta`.
    Admission,
    /// After admission: C on `/v1/messages`, D on OpenAI paths, E on `/v1beta`.
    Admitted,
    /// D with `code` and without `type` (Responses on Anthropic groups).
    WithoutType,
    /// Always C, whatever the path.
    Anthropic,
    /// Always D with `param` and `code`, as OpenAI itself writes it.
    OpenAi,
}

/// One error of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostError {
    /// HTTP status.
    pub status: u16,
    /// The `code` of shape A, the `type` of C and D: what a client should match.
    pub label: &'static str,
    /// The `code` member of shape D, where the host sends one.
    pub code: Option<&'static str>,
    /// The text.
    pub message: Cow<'static, str>,
    /// The value of `Retry-After`.
    pub retry_after: Option<Cow<'static, str>>,
    /// Where it arises.
    pub stage: Stage,
}

const fn error(stage: Stage, status: u16, label: &'static str, message: &'static str) -> HostError {
    HostError { status, label, code: None, message: Cow::Borrowed(message), retry_after: None, stage }
}

const fn admission(status: u16, code: &'static str, message: &'static str) -> HostError {
    error(Stage::Admission, status, code, message)
}

const fn admitted(status: u16, kind: &'static str, message: &'static str) -> HostError {
    error(Stage::Admitted, status, kind, message)
}

const fn coded(stage: Stage, status: u16, label: &'static str, message: &'static str, code: &'static str) -> HostError {
    HostError { status, label, code: Some(code), message: Cow::Borrowed(message), retry_after: None, stage }
}

const fn timed(
    stage: Stage,
    status: u16,
    label: &'static str,
    message: &'static str,
    seconds: &'static str,
) -> HostError {
    let retry_after = Some(Cow::Borrowed(seconds));
    HostError { status, label, code: None, message: Cow::Borrowed(message), retry_after, stage }
}

macro_rules! table {
    ($($(#[$doc:meta])* $name:ident = $value:expr;)*) => {
        $($(#[$doc])* pub const $name: HostError = $value;)*

        /// Every row with its name.
        pub const ALL: &[(&str, HostError)] = &[$((stringify!($name), $name)),*];
    };
}

table! {
    /// `[N]` any `?key=` or `?api_key=`, even beside a good header.
    QUERY_KEY_DEPRECATED = admission(400, "api_key_in_query_deprecated", "API key in query parameter is deprecated. Please use Authorization header instead.");
    /// `[N]` `?api_key=` on `/v1beta`.
    QUERY_API_KEY_DEPRECATED = admission(400, "api_key_in_query_deprecated", "Query parameter api_key is deprecated. Use Authorization header or key instead.");
    /// `[N]` no key at all.
    KEY_REQUIRED = admission(401, "API_KEY_REQUIRED", "API key is required in Authorization header (Bearer scheme), x-api-key header, or x-goog-api-key header");
    /// `[S]` no key at all.
    KEY_REQUIRED_S = admission(401, "API_KEY_REQUIRED", "API key is required in Authorization header (Bearer scheme), x-api-key header, x-goog-api-key header, or key/api_key query parameter");
    /// No key at all on `/v1beta`.
    KEY_REQUIRED_GOOGLE = admission(401, "API_KEY_REQUIRED", "API key is required");
    /// No such key.
    INVALID_API_KEY = admission(401, "INVALID_API_KEY", "Invalid API key");
    /// The key was switched off.
    API_KEY_DISABLED = admission(401, "API_KEY_DISABLED", "API key is disabled");
    /// The key's owner is gone.
    USER_NOT_FOUND = admission(401, "USER_NOT_FOUND", "User associated with API key not found");
    /// The key's owner is switched off.
    USER_INACTIVE = admission(401, "USER_INACTIVE", "User account is not active");
    /// No live subscription, or the look-up failed.
    SUBSCRIPTION_NOT_FOUND = admission(403, "SUBSCRIPTION_NOT_FOUND", "No active subscription found for this group");
    /// The subscription is past its end.
    SUBSCRIPTION_INVALID = admission(403, "SUBSCRIPTION_INVALID", "error: code=403 reason=\"SUBSCRIPTION_EXPIRED\" message=\"subscription has expired\" metadata=map[]");
    /// Daily limit used up.
    DAILY_LIMIT_EXCEEDED = admission(429, "USAGE_LIMIT_EXCEEDED", "error: code=429 reason=\"DAILY_LIMIT_EXCEEDED\" message=\"daily usage limit exceeded\" metadata=map[]");
    /// Weekly limit used up.
    WEEKLY_LIMIT_EXCEEDED = admission(429, "USAGE_LIMIT_EXCEEDED", "error: code=429 reason=\"WEEKLY_LIMIT_EXCEEDED\" message=\"weekly usage limit exceeded\" metadata=map[]");
    /// Monthly limit used up.
    MONTHLY_LIMIT_EXCEEDED = admission(429, "USAGE_LIMIT_EXCEEDED", "error: code=429 reason=\"MONTHLY_LIMIT_EXCEEDED\" message=\"monthly usage limit exceeded\" metadata=map[]");
    /// No balance on a standard group.
    INSUFFICIENT_BALANCE = admission(403, "INSUFFICIENT_BALANCE", "Insufficient account balance");
    /// `[N]` the key is past its end.
    API_KEY_EXPIRED = admission(403, "API_KEY_EXPIRED", "API key 已过期");
    /// `[N]` the key's group was deleted.
    GROUP_DELETED = admission(403, "GROUP_DELETED", "API Key 所属分组已删除");
    /// `[N]` the key's group was switched off.
    GROUP_DISABLED = admission(403, "GROUP_DISABLED", "API Key 所属分组已停用");
    /// `[N]` the user may no longer use the exclusive group.
    GROUP_NOT_ALLOWED = admission(403, "GROUP_NOT_ALLOWED", "API Key 所属专属分组不再允许当前用户使用");
    /// `[N]` the key's address lists.
    ACCESS_DENIED = admission(403, "ACCESS_DENIED", "Access denied. Your IP is 127.0.0.1");
    /// `[N]` the key's own quota.
    API_KEY_QUOTA_EXHAUSTED = admission(429, "API_KEY_QUOTA_EXHAUSTED", "API key 额度已用完");
    /// `[N]` the same on Responses paths.
    INSUFFICIENT_QUOTA = coded(Stage::OpenAi, 429, "insufficient_quota", "API key 额度已用完", "insufficient_quota");
    /// `[N]` 120 bad keys in a minute from one address: good keys are refused too.
    INVALID_AUTH_RATE_LIMITED = timed(Stage::Admission, 429, "INVALID_AUTH_RATE_LIMITED", "Too many invalid authentication attempts; retry later", "60");
    /// `[N]` the key check is overloaded.
    API_KEY_AUTH_OVERLOADED = admission(503, "API_KEY_AUTH_OVERLOADED", "API key authentication is temporarily unavailable");
    /// A fault of the host.
    INTERNAL_ERROR = admission(500, "INTERNAL_ERROR", "Failed to validate API key");
    /// `[N]` a fault of the host at the subscription's windows.
    SUBSCRIPTION_MAINTENANCE_FAILED = admission(500, "SUBSCRIPTION_MAINTENANCE_FAILED", "Failed to maintain subscription usage windows");
    /// `[N]` a key without a group, where the host forbids that: shape C on every path.
    KEY_WITHOUT_GROUP = error(Stage::Anthropic, 403, "permission_error", "API Key is not assigned to any group and cannot be used. Please contact the administrator to assign it to a group.");

    /// No body.
    EMPTY_BODY = admitted(400, "invalid_request_error", "Request body is empty");
    /// A body that is not JSON.
    UNPARSABLE_BODY = admitted(400, "invalid_request_error", "Failed to parse request body");
    /// A body without `model`.
    MODEL_REQUIRED = admitted(400, "invalid_request_error", "model is required");
    /// An upstream 400 passed on, with OpenAI's own members.
    CONTEXT_LENGTH_EXCEEDED = coded(Stage::OpenAi, 400, "invalid_request_error", "This model's maximum context length is 400000 tokens.", "context_length_exceeded");
    /// `[N]` the same on chat completions, which drop `code` and `param`.
    UPSTREAM_BAD_REQUEST = admitted(400, "invalid_request_error", "This model's maximum context length is 400000 tokens.");
    /// `[N]` 256 MiB.
    BODY_TOO_LARGE = admitted(413, "invalid_request_error", "Request body too large, limit is 256MB");
    /// The second check, after queueing.
    BILLING_ERROR = admitted(403, "billing_error", "No active subscription found for this group");
    /// `[N]` a limit of the key or group in requests a minute.
    RATE_LIMIT_EXCEEDED = timed(Stage::Admitted, 429, "rate_limit_exceeded", "Request rate limit exceeded for this group", "17");
    /// `[N]` the host's billing is down.
    BILLING_SERVICE_ERROR = admitted(503, "billing_service_error", "Billing service temporarily unavailable. Please retry later.");
    /// The user's queue is full. Same type as an upstream 429: only the text tells.
    QUEUE_FULL = admitted(429, "rate_limit_error", "Too many pending requests, please retry later");
    /// No slot of the user came free in time.
    USER_CONCURRENCY = admitted(429, "rate_limit_error", "Concurrency limit exceeded for user, please retry later");
    /// No slot of an account came free in time.
    ACCOUNT_CONCURRENCY = admitted(429, "rate_limit_error", "Concurrency limit exceeded for account, please retry later");
    /// `[N]` shape D when no account can serve.
    SERVICE_UNAVAILABLE = admitted(503, "api_error", "Service temporarily unavailable");
    /// `[S]` Responses: no account is configured for the model, or all that are have been set aside.
    NO_ACCOUNTS_FOR_MODEL = admitted(503, "api_error", "No available accounts: no available OpenAI accounts supporting model: {model}");
    /// `[S]` messages: the same.
    NO_ACCOUNTS_FOR_MODEL_ANTHROPIC = admitted(503, "api_error", "No available accounts: no available accounts supporting model: {model}");
    /// Shape C, and `[S]` D, when no account can serve.
    NO_AVAILABLE_ACCOUNTS = admitted(503, "api_error", "No available accounts: no available accounts");
    /// `[N]` the whole pool is limited.
    POOL_RATE_LIMITED = admitted(429, "rate_limit_error", "All available accounts are currently rate-limited. Please retry later.");
    /// `[N]` a compact call without a capable account.
    COMPACT_NOT_SUPPORTED = admitted(503, "compact_not_supported", "No available accounts support /responses/compact");
    /// `[N]` no account of the group is configured for the model.
    MODEL_NOT_FOUND = admitted(404, "model_not_found", "Model \"{model}\" is not supported by any configured account in this group");
    /// `[N]` the group takes only Claude Code.
    CLAUDE_CODE_ONLY = admitted(403, "permission_error", "This group is restricted to Claude Code clients (/v1/messages only)");
    /// `[N]` the account takes only official Codex clients.
    FORBIDDEN_CLIENT = admitted(403, "forbidden_error", "This account only allows Codex official clients");
    /// The upstream's own 429, after the host's failover.
    UPSTREAM_RATE_LIMITED = admitted(429, "rate_limit_error", "Upstream rate limit exceeded, please retry later");
    /// The upstream's 529.
    UPSTREAM_OVERLOADED = admitted(503, "overloaded_error", "Upstream service overloaded, please retry later");
    /// The upstream's 401: the host's account, not the caller's key.
    UPSTREAM_AUTH_FAILED = admitted(502, "upstream_error", "Upstream authentication failed, please contact administrator");
    /// The upstream's 403.
    UPSTREAM_FORBIDDEN = admitted(502, "upstream_error", "Upstream access forbidden, please contact administrator");
    /// The upstream's 5xx.
    UPSTREAM_UNAVAILABLE = admitted(502, "upstream_error", "Upstream service temporarily unavailable");
    /// Anything else of the upstream.
    UPSTREAM_FAILED = admitted(502, "upstream_error", "Upstream request failed");
    /// `[N]` chat and Responses on Anthropic groups: the upstream's status, here a 401 that is not about the caller's key.
    ACCOUNTS_EXHAUSTED = coded(Stage::Admitted, 401, "server_error", "All available accounts exhausted", "server_error");
    /// `[N]` Responses on Anthropic groups: `code` and no `type`.
    WITHOUT_TYPE = error(Stage::WithoutType, 502, "upstream_error", "Upstream request failed");
    /// `[N]` the peer went away; nobody reads it.
    CLIENT_CLOSED = admitted(499, "api_error", "context canceled");
    /// `[N]` in the middle of a stream: the upstream broke. Each surface tells it in other words, see [`HostError::mid_stream`].
    STREAM_READ_ERROR = admitted(502, "stream_read_error", "upstream stream disconnected: unexpected EOF");
    /// `[N]` in-band: 180 s of upstream silence.
    STREAM_TIMEOUT = coded(Stage::Admitted, 504, "stream_timeout", "upstream stream idle timeout", "stream_timeout");

    /// A plain OpenAI-compatible server: no key.
    OPENAI_KEY_MISSING = error(Stage::OpenAi, 401, "invalid_request_error", "You didn't provide an API key.");
    /// A plain OpenAI-compatible server: wrong key.
    OPENAI_KEY_INVALID = coded(Stage::OpenAi, 401, "invalid_api_key", "Incorrect API key provided.", "invalid_api_key");
    /// A plain OpenAI-compatible server: no such model.
    OPENAI_MODEL_NOT_FOUND = coded(Stage::OpenAi, 404, "invalid_request_error", "The model `{model}` does not exist or you do not have access to it.", "model_not_found");
    /// A plain OpenAI-compatible server: out of money.
    OPENAI_INSUFFICIENT_QUOTA = coded(Stage::OpenAi, 429, "insufficient_quota", "You exceeded your current quota, please check your plan and billing details.", "insufficient_quota");
    /// A content policy.
    CONTENT_POLICY = coded(Stage::OpenAi, 400, "invalid_request_error", "Your request was rejected as a result of our safety system.", "content_policy_violation");
}

impl HostError {
    /// With another status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// With another text; `{model}` in it becomes the requested model.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.message = message.into();
        self
    }

    /// With a `Retry-After` header.
    #[must_use]
    pub fn with_retry_after(mut self, value: impl Into<Cow<'static, str>>) -> Self {
        self.retry_after = Some(value.into());
        self
    }

    /// Without a `Retry-After` header.
    #[must_use]
    pub fn without_retry_after(mut self) -> Self {
        self.retry_after = None;
        self
    }

    /// The body in the shape of `surface`, members in the order the host writes them.
    pub fn body(&self, surface: Surface, model: &str) -> String {
        let message = self.message.replace("{model}", model);
        let value = match (self.stage, surface) {
            (Stage::Anthropic, _) | (Stage::Admitted, Surface::Messages | Surface::CountTokens) => {
                json!({"error": {"message": message, "type": self.label}, "type": "error"})
            }
            (Stage::OpenAi, _) => {
                json!({"error": {"code": self.code, "message": message, "param": null, "type": self.label}})
            }
            (Stage::Admission | Stage::Admitted | Stage::WithoutType, Surface::Gemini) => {
                json!({"error": {"code": self.status, "message": message, "status": google_status(self.status)}})
            }
            (Stage::Admission, _) => json!({"code": self.label, "message": message}),
            (Stage::WithoutType, _) => json!({"error": {"code": self.label, "message": message}}),
            (Stage::Admitted, _) => {
                let mut error = Map::new();
                if let Some(code) = self.code {
                    error.insert("code".to_owned(), code.into());
                }
                error.insert("message".to_owned(), message.into());
                error.insert("type".to_owned(), openai_type(self.label).into());
                json!({ "error": error })
            }
        };
        go_json(&value)
    }

    /// The event that tells it after a 200 was sent and while the request queued; never followed by a terminal event (§4.4).
    pub fn in_band(&self, personality: Personality, surface: Surface, model: &str) -> String {
        let message = self.message.replace("{model}", model);
        let kind = self.label;
        match (surface, personality) {
            (Surface::Messages, Personality::S) => {
                format!(
                    "data: {{\"type\": \"error\", \"error\": {{\"type\": \"{kind}\", \"message\": \"{message}\"}}}}\n\n"
                )
            }
            (Surface::Messages, _) => {
                let data = go_json(&json!({"type": "error", "error": {"type": kind, "message": message}}));
                format!("data: {data}\n\n")
            }
            (Surface::Responses, Personality::N) => {
                let error = json!({"code": responses_code(kind), "message": message});
                let response = json!({
                    "id": "resp_00000000000000000000000000000000", "object": "response", "model": model, "status": "failed", "output": [], "error": error,
                });
                let data = go_json(&json!({"type": "response.failed", "response": response}));
                format!("event: response.failed\ndata: {data}\n\n")
            }
            (_, Personality::S) => {
                format!("event: error\ndata: {{\"error\": {{\"type\": \"{kind}\", \"message\": \"{message}\"}}}}\n\n")
            }
            _ => {
                let mut error = Map::new();
                if let Some(code) = self.code {
                    error.insert("code".to_owned(), code.into());
                }
                error.insert("message".to_owned(), message.into());
                error.insert("type".to_owned(), openai_type(kind).into());
                format!("event: error\ndata: {}\n\n", go_json(&json!({ "error": error })))
            }
        }
    }

    /// What tells it in the middle of a stream, where that differs from [`HostError::in_band`]; for
    /// [`STREAM_READ_ERROR`] exactly what a running `[N]` host sent, which is two frames on messages and Responses.
    pub fn mid_stream(&self, personality: Personality, surface: Surface, model: &str) -> String {
        let message = self.message.replace("{model}", model);
        let broke = self.label == STREAM_READ_ERROR.label;
        match (surface, personality) {
            (Surface::Messages, Personality::N) => {
                let data = go_json(&json!({"error": {"message": message, "type": self.label}, "type": "error"}));
                let and_the_handlers = UPSTREAM_FAILED.in_band(personality, surface, model);
                format!("event: error\ndata: {data}\n\n{}", if broke { and_the_handlers } else { String::new() })
            }
            (Surface::Responses, Personality::N) if broke => {
                let error = json!({"type": "upstream_error", "message": self.label, "code": self.label});
                let data = go_json(&json!({"type": "error", "sequence_number": 0, "error": error}));
                format!("data: {data}\n\n{}", UPSTREAM_FAILED.in_band(personality, surface, model))
            }
            (Surface::Responses, Personality::N) if self.label == STREAM_TIMEOUT.label => {
                let error = json!({"type": self.label, "message": message, "code": self.label});
                format!("data: {}\n\n", go_json(&json!({"type": "error", "error": error})))
            }
            (Surface::Chat, Personality::N) if broke => {
                let (code, message) = ("upstream_stream_read_error", "Upstream response stream was interrupted");
                let error = json!({"code": code, "message": message, "type": "upstream_error"});
                format!("event: error\ndata: {}\n\n", go_json(&json!({ "error": error })))
            }
            _ => self.in_band(personality, surface, model),
        }
    }
}

/// The same fault has another name in shape D.
fn openai_type(label: &'static str) -> &'static str {
    if label == "overloaded_error" { "upstream_error" } else { label }
}

fn google_status(status: u16) -> &'static str {
    match status {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        500.. => "INTERNAL",
        _ => "UNKNOWN",
    }
}

fn responses_code(kind: &'static str) -> &'static str {
    match kind {
        "rate_limit_error" => "rate_limit_exceeded",
        "invalid_request_error" => "invalid_request",
        "permission_error" => "permission_denied",
        "authentication_error" => "authentication_failed",
        "server_error" | "api_error" => "server_error",
        other => other,
    }
}

/// JSON as the host writes it: `<`, `>` and `&` are escaped.
pub(crate) fn go_json(value: &Value) -> String {
    value.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

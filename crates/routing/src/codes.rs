//! What the body of an error says, in any of the shapes that hosts use
//! (sub2api-host-api.md §4.3: A `{code, message}`, C `{type, error: {type, message}}`,
//! D `{error: {type, message, code, param}}`, E `{error: {code, message, status}}`,
//! and `response.failed` with the error inside `response`).
//!
//! Codes and types decide. A message decides only where a host has nothing else to
//! tell two things apart, and a message that was rewritten by its operator then
//! merely falls back to what the status says.

use serde_json::Value;

/// The codes, types and message of an error body.
#[derive(Debug, Default)]
pub(crate) struct ErrorBody {
    /// It is a JSON object, or a list of them.
    pub(crate) is_json: bool,
    codes: Vec<String>,
    message: String,
}

/// A quota, a balance or a window is used up. Parts of codes, in lower case:
/// `USAGE_LIMIT_EXCEEDED`, `API_KEY_QUOTA_EXHAUSTED`, `INSUFFICIENT_BALANCE`, `billing_error`,
/// `DAILY_LIMIT_EXCEEDED`, `API_KEY_RATE_5H_EXCEEDED`, `insufficient_quota`, `usage_limit_reached`.
const QUOTA_CODES: [&str; 13] = [
    "quota",
    "billing",
    "balance",
    "credit",
    "payment",
    "arrear",
    "usage_limit",
    "daily_limit",
    "weekly_limit",
    "monthly_limit",
    "rate_5h_",
    "rate_1d_",
    "rate_7d_",
];

/// The same where only the message says it: the Go dump of a used-up window, the
/// windows of a key (5 h, day, 7 d), of a platform, and Anthropic's balance.
const QUOTA_MESSAGES: [&str; 8] = [
    "DAILY_LIMIT_EXCEEDED",
    "WEEKLY_LIMIT_EXCEEDED",
    "MONTHLY_LIMIT_EXCEEDED",
    "限额已用完",
    "额度已用完",
    "usage quota exhausted",
    "credit balance is too low",
    "exceeded your current quota, please check your plan and billing",
];

/// A local queue: told from an upstream 429 by its text alone.
const QUEUE_MESSAGES: [&str; 2] = ["Concurrency limit exceeded", "Too many pending requests"];

const KEY_CODES: [&str; 5] =
    ["invalid_api_key", "api_key_invalid", "authentication_error", "authentication_failed", "api_key_disabled"];

const POLICY_CODES: [&str; 5] = ["content_policy", "content_filter", "policy_violation", "moderation", "safety"];

impl ErrorBody {
    /// Reads what there is; a body that is no JSON has no codes.
    pub(crate) fn read(body: &[u8]) -> Self {
        let mut read = Self::default();
        if let Ok(value) = serde_json::from_slice::<Value>(body) {
            read.is_json = value.is_object() || value.is_array();
            // Google's OpenAI-compatible endpoint wraps its error in a list.
            read.visit(value.get(0).unwrap_or(&value));
        }
        read
    }

    fn visit(&mut self, value: &Value) {
        for name in ["code", "type", "status", "reason"] {
            if let Some(code) = value.get(name).and_then(Value::as_str) {
                self.codes.push(code.to_ascii_lowercase());
            }
        }
        if let Some(message) = value.get("message").and_then(Value::as_str) {
            message.clone_into(&mut self.message);
        }
        match value.get("error") {
            Some(Value::String(message)) => self.message.clone_from(message),
            Some(error) => self.visit(error),
            None => {}
        }
        if let Some(response) = value.get("response") {
            self.visit(response);
        }
        for detail in value.get("details").and_then(Value::as_array).into_iter().flatten() {
            self.visit(detail);
        }
    }

    fn has_code(&self, codes: &[&str]) -> bool {
        self.codes.iter().any(|code| codes.contains(&code.as_str()))
    }

    fn has_part(&self, parts: &[&str]) -> bool {
        self.codes.iter().any(|code| parts.iter().any(|part| code.contains(part)))
    }

    fn has_text(&self, texts: &[&str]) -> bool {
        texts.iter().any(|text| self.message.contains(text))
    }

    pub(crate) fn says_quota(&self) -> bool {
        self.has_part(&QUOTA_CODES) || self.has_text(&QUOTA_MESSAGES)
    }

    pub(crate) fn says_queue_full(&self) -> bool {
        self.has_text(&QUEUE_MESSAGES)
    }

    /// Too many bad keys came from our address: it is refused, whatever the key.
    pub(crate) fn says_address_banned(&self) -> bool {
        self.has_code(&["invalid_auth_rate_limited"])
    }

    pub(crate) fn says_rate_limited(&self) -> bool {
        self.has_part(&["rate_limit"]) || self.has_code(&["resource_exhausted", "too_many_requests"])
    }

    pub(crate) fn says_overloaded(&self) -> bool {
        self.has_part(&["overload"])
    }

    pub(crate) fn says_bad_key(&self) -> bool {
        self.has_code(&KEY_CODES)
    }

    /// Every account behind the host failed, and the last one's status shines through.
    pub(crate) fn says_pool_exhausted(&self) -> bool {
        self.has_code(&["server_error"])
    }

    pub(crate) fn says_content_policy(&self) -> bool {
        self.has_part(&POLICY_CODES)
    }

    pub(crate) fn says_invalid_request(&self) -> bool {
        self.has_code(&["invalid_request", "invalid_request_error", "invalid_argument"])
    }

    /// OpenAI's code; Anthropic and Google have one code for all that is not found,
    /// and begin the message with what it was.
    pub(crate) fn says_model_not_found(&self) -> bool {
        self.has_code(&["model_not_found"])
            || (self.has_code(&["not_found_error", "not_found"])
                && ["model:", "models/"].iter().any(|what| self.message.starts_with(what)))
    }
}

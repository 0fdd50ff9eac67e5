//! What the body of an error says, in any of the shapes that hosts use
//! (sub2api-host-api.md §4.3: A `{code, message}`, C `{type, error: {type, message}}`,
//! D `{error: {type, message, code, param}}`, E `{error: {code, message, status}}`,
//! and `response.failed` with the error inside `response`).
//!
//! Codes and types decide. A message decides only where a host has nothing else to
//! tell two things apart, and a message that was rewritten by its operator then
//! merely falls back to what the status says. Where the client is blamed the message may quote
//! what the client wrote, so there it decides nothing: nobody shall be able to cool down
//! a credential that others use by writing the right words into a request.

use std::time::Duration;

use serde_json::Value;

use crate::outcome::Quota;
use crate::wait;

/// The codes, types and message of an error body.
#[derive(Debug, Default)]
pub(crate) struct ErrorBody {
    /// It is a JSON object, or a list of them.
    pub(crate) is_json: bool,
    /// The wait that it asks for, where headers do not: `resets_in_seconds` of a ChatGPT
    /// plan, `retryDelay` of Google's `RetryInfo`.
    pub(crate) wait: Option<Duration>,
    /// In lower case.
    codes: Vec<String>,
    /// In lower case: hosts do not agree with themselves about capitals.
    message: String,
    /// Google's `QuotaFailure` names a daily quota.
    names_daily_quota: bool,
    /// The message may be the client's own words.
    may_quote_client: bool,
}

/// A quota, a balance or a window is used up. Parts of codes, the more telling first:
/// `DAILY_LIMIT_EXCEEDED`, `API_KEY_RATE_5H_EXCEEDED`, `INSUFFICIENT_BALANCE`, `billing_error`,
/// `USAGE_LIMIT_EXCEEDED`, `API_KEY_QUOTA_EXHAUSTED`, `insufficient_quota`, `usage_limit_reached`.
const QUOTA_CODES: [(&str, Quota); 13] = [
    ("daily_limit", Quota::Day),
    ("weekly_limit", Quota::Week),
    ("monthly_limit", Quota::Month),
    ("rate_5h_", Quota::FiveHours),
    ("rate_1d_", Quota::Day),
    ("rate_7d_", Quota::Week),
    ("balance", Quota::Balance),
    ("credit", Quota::Balance),
    ("payment", Quota::Balance),
    ("arrear", Quota::Balance),
    ("billing", Quota::Unnamed),
    ("quota", Quota::Unnamed),
    ("usage_limit", Quota::Unnamed),
];

/// The same where only the message says it, or says it better: the Go dump of a used-up
/// window, the windows of a key (5 h, day, 7 d), those of a platform, balances (shape E has
/// no room for the code of another shape).
const QUOTA_MESSAGES: [(&str, Quota); 14] = [
    ("daily_limit_exceeded", Quota::Day),
    ("weekly_limit_exceeded", Quota::Week),
    ("monthly_limit_exceeded", Quota::Month),
    ("5小时限额已用完", Quota::FiveHours),
    ("7天限额已用完", Quota::Week),
    ("日限额已用完", Quota::Day),
    ("周限额已用完", Quota::Week),
    ("月限额已用完", Quota::Month),
    ("限额已用完", Quota::Unnamed),
    ("额度已用完", Quota::Unnamed),
    ("daily usage quota exhausted", Quota::Day),
    ("weekly usage quota exhausted", Quota::Week),
    ("monthly usage quota exhausted", Quota::Month),
    ("insufficient account balance", Quota::Balance),
];

/// OpenAI says it of an empty account; Google says it of the limits of a minute as well, and
/// has details that tell them apart (field note 23).
const OUT_OF_QUOTA: &str = "exceeded your current quota, please check your plan and billing";

/// A local queue: told from an upstream 429 by its text alone.
const QUEUE_MESSAGES: [&str; 2] = ["concurrency limit exceeded", "too many pending requests"];

/// Groups and accounts that take only certain programs.
const CLIENT_MESSAGES: [&str; 3] =
    ["only allows claude code clients", "restricted to claude code clients", "only allows codex official clients"];

/// Functions that a group or platform lacks.
const LACK_MESSAGES: [&str; 3] =
    ["does not allow /v1/messages dispatch", "is not enabled for this group", "is not supported for this platform"];

const KEY_CODES: [&str; 5] =
    ["invalid_api_key", "api_key_invalid", "authentication_error", "authentication_failed", "api_key_disabled"];

const POLICY_CODES: [&str; 9] = [
    "content_policy",
    "content_filter",
    "policy_violation",
    "cyber_policy",
    "prohibited_content",
    "moderation",
    "safety",
    "sensitive_word",
    "unsafe",
];

/// What a host says by default when its content audit stops a request (shape E has no type for it).
const POLICY_MESSAGES: [&str; 1] = ["内容审计命中风险规则"];

impl ErrorBody {
    /// Reads what there is; a body that is no JSON has no codes.
    pub(crate) fn read(body: &[u8]) -> Self {
        let mut read = Self::default();
        if let Ok(value) = serde_json::from_slice::<Value>(body) {
            read.is_json = value.is_object() || value.is_array();
            // Google's OpenAI-compatible endpoint wraps its error in a list.
            read.visit(value.get(0).unwrap_or(&value));
        }
        read.may_quote_client = read.says_invalid_request();
        read
    }

    /// The body of a 400, whatever its code.
    pub(crate) fn blaming_the_client(self) -> Self {
        Self { may_quote_client: true, ..self }
    }

    fn visit(&mut self, value: &Value) {
        for name in ["code", "type", "status", "reason"] {
            if let Some(code) = value.get(name).and_then(Value::as_str) {
                self.codes.push(code.to_ascii_lowercase());
            }
        }
        // The outermost message is about the error; those of details are about details.
        if let Some(message) = value.get("message").and_then(Value::as_str).filter(|_| self.message.is_empty()) {
            self.message = message.to_ascii_lowercase();
        }
        self.wait = self.wait.or_else(|| wait_of(value));
        match value.get("error") {
            Some(Value::String(message)) => self.message = message.to_ascii_lowercase(),
            Some(error) => self.visit(error),
            None => {}
        }
        if let Some(response) = value.get("response") {
            self.visit(response);
        }
        for detail in list(value, "details") {
            self.visit(detail);
            let mut quotas = list(detail, "violations").filter_map(|violation| violation.get("quotaId")?.as_str());
            self.names_daily_quota |= quotas.any(|quota| quota.contains("PerDay"));
        }
    }

    fn has_code(&self, codes: &[&str]) -> bool {
        self.codes.iter().any(|code| codes.contains(&code.as_str()))
    }

    fn has_part(&self, parts: &[&str]) -> bool {
        self.codes.iter().any(|code| parts.iter().any(|part| code.contains(part)))
    }

    fn has_text(&self, texts: &[&str]) -> bool {
        !self.may_quote_client && texts.iter().any(|text| self.message.contains(text))
    }

    /// What is used up, if anything is.
    pub(crate) fn quota(&self) -> Option<Quota> {
        // Not an empty account, but the host's own billing out of order.
        if self.has_code(&["billing_service_error"]) {
            return None;
        }
        let is_google = self.has_code(&["resource_exhausted"]);
        if is_google && self.names_daily_quota {
            return Some(Quota::Day);
        }
        if !is_google && self.has_text(&[OUT_OF_QUOTA]) {
            return Some(Quota::Unnamed);
        }
        // Anthropic says this one as a 400. Nothing that a client wrote comes before it.
        if self.message.starts_with("your credit balance is too low") {
            return Some(Quota::Balance);
        }
        let by_message = QUOTA_MESSAGES.iter().find(|(text, _)| self.has_text(&[text]));
        let found = by_message.or_else(|| QUOTA_CODES.iter().find(|(part, _)| self.has_part(&[part])));
        found.map(|(_, quota)| *quota)
    }

    pub(crate) fn says_queue_full(&self) -> bool {
        self.has_text(&QUEUE_MESSAGES)
    }

    /// Too many bad keys came from our address: it is refused, whatever the key.
    pub(crate) fn says_address_banned(&self) -> bool {
        self.has_code(&["invalid_auth_rate_limited"]) || self.has_text(&["too many invalid authentication attempts"])
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

    pub(crate) fn says_not_permitted(&self) -> bool {
        self.has_code(&["permission_error", "permission_denied"])
    }

    pub(crate) fn says_wrong_client(&self) -> bool {
        self.has_code(&["forbidden_error"]) || self.has_text(&CLIENT_MESSAGES)
    }

    pub(crate) fn says_not_offered(&self) -> bool {
        self.has_code(&["compact_not_supported"]) || self.has_text(&LACK_MESSAGES)
    }

    /// Every account behind the host failed, and the last one's status shines through.
    pub(crate) fn says_pool_exhausted(&self) -> bool {
        self.has_code(&["server_error"])
    }

    /// The host's own connection broke or fell silent after it had passed the request on.
    pub(crate) fn says_upstream_cut(&self) -> bool {
        self.has_part(&["stream_read_error", "stream_timeout", "response_too_large"])
    }

    pub(crate) fn says_content_policy(&self) -> bool {
        self.has_part(&POLICY_CODES) || self.has_text(&POLICY_MESSAGES)
    }

    pub(crate) fn says_invalid_request(&self) -> bool {
        self.has_code(&["invalid_request", "invalid_request_error", "invalid_argument"])
    }

    /// OpenAI's code, and a host's text where its shape has no such code; Anthropic and Google
    /// have one code for all that is not found, and begin the message with what it was.
    pub(crate) fn says_model_not_found(&self) -> bool {
        self.has_code(&["model_not_found"])
            || self.has_text(&["is not supported by any configured account"])
            || (self.has_code(&["not_found_error", "not_found"])
                && ["model:", "models/"].iter().any(|what| self.message.starts_with(what)))
    }
}

fn list<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn wait_of(value: &Value) -> Option<Duration> {
    let seconds = value.get("resets_in_seconds").and_then(Value::as_f64).and_then(wait::seconds);
    seconds.or_else(|| wait::span(value.get("retryDelay")?.as_str()?))
}

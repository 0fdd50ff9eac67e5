//! A host's refusal in a form that may be shown: its code, and its words
//! shortened and without anything that looks like a key.

use std::collections::BTreeMap;
use std::fmt;

use relay_domain::Secret;

/// Longest part of a host's own words that is shown.
const MAX_MESSAGE_CHARS: usize = 200;

/// Longest code that is kept; the longest known one has 33 characters.
const MAX_CODE_CHARS: usize = 64;

/// Digits in a code: `API_KEY_RATE_5H_EXCEEDED` has one.
const MAX_CODE_DIGITS: usize = 2;

/// Entries of `metadata` that are kept.
const MAX_METADATA: usize = 8;

/// From this length on a run of key characters is taken for a key or token:
/// hosts make keys of 67 and take custom ones from 16 on.
const KEY_CHARS: usize = 16;

/// What a host said when it refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// The code of a middleware, the reason of a handler, the type of a gateway
    /// error; see [`codes`](super::codes). Empty when the host gave none.
    pub code: String,
    /// The host's words, cleaned and shortened.
    pub message: String,
    /// More of a handler's: `conflict_reason` of an assignment, `version` of compliance terms.
    pub metadata: BTreeMap<String, String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it answered {}", self.status)?;
        if !self.code.is_empty() {
            write!(f, " {}", self.code)?;
        }
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        Ok(())
    }
}

/// What an error body held, before cleaning.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) code: String,
    pub(super) message: String,
    pub(super) metadata: BTreeMap<String, String>,
}

impl Words {
    /// Makes it presentable. `sent` are the secrets that went out with the call.
    pub(super) fn refuse(self, status: u16, sent: &[&Secret]) -> Refusal {
        let metadata = self.metadata.iter().take(MAX_METADATA);
        Refusal {
            status,
            code: code(&self.code, sent),
            message: clean(&self.message, sent),
            metadata: metadata.map(|(name, value)| (clean(name, sent), clean(value, sent))).collect(),
        }
    }
}

/// A code is a word of letters and `_` with hardly a digit, unlike every key and token; anything else is none.
fn code(text: &str, sent: &[&Secret]) -> String {
    let fits = text.len() <= MAX_CODE_CHARS && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let is_secret = sent.iter().any(|secret| secret.expose() == text);
    if fits && digits <= MAX_CODE_DIGITS && !is_secret { text.to_owned() } else { String::new() }
}

/// One line without secrets.
pub(super) fn clean(text: &str, sent: &[&Secret]) -> String {
    let mut text = text.to_owned();
    for secret in sent.iter().map(|secret| secret.expose()).filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, "…");
    }
    let mut cleaned = String::with_capacity(text.len().min(4 * MAX_MESSAGE_CHARS));
    let mut run = String::new();
    for char in text.chars().map(|char| if char.is_control() { ' ' } else { char }).chain([' ']) {
        if char.is_ascii_alphanumeric() || "_-+/=".contains(char) {
            run.push(char);
            continue;
        }
        let is_key = run.len() >= KEY_CHARS && run.contains(|char: char| char.is_ascii_digit());
        cleaned.push_str(if is_key { "…" } else { &run });
        run.clear();
        cleaned.push(char);
    }
    cleaned.trim().chars().take(MAX_MESSAGE_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(clean(text, &[&Secret::new("hunter2")]), expected);
    }

    #[test]
    fn keys_and_what_was_sent_are_left_out() {
        check("email already exists", "email already exists");
        check("password hunter2 is weak", "password … is weak");
        check("no key sk-0123456789abcdef0123, sorry", "no key …, sorry");
        check("key=admin-00112233445566778899aabb", "…");
        check("Bearer eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjoxfQ==.x", "Bearer ….….x");
        check("two\r\nlines\u{1b}[0m", "two  lines [0m");
        check("Key: 'LoginRequest.Email' Error:Field validation", "Key: 'LoginRequest.Email' Error:Field validation");
        check(
            "administrator compliance acknowledgement is required",
            "administrator compliance acknowledgement is required",
        );
    }

    #[test]
    fn a_long_message_is_cut_at_a_character() {
        assert_eq!(clean(&"ü ".repeat(400), &[]).chars().count(), MAX_MESSAGE_CHARS);
    }

    #[test]
    fn a_code_that_is_none_is_dropped() {
        let coded = |text: &str| Words { code: text.to_owned(), ..Words::default() }.refuse(400, &[]).code;
        assert_eq!(coded("SUBSCRIPTION_ASSIGN_CONFLICT"), "SUBSCRIPTION_ASSIGN_CONFLICT");
        assert_eq!(coded("api_key_in_query_deprecated"), "api_key_in_query_deprecated");
        assert_eq!(coded("<script>"), "");
        assert_eq!(coded("API_KEY_RATE_5H_EXCEEDED"), "API_KEY_RATE_5H_EXCEEDED");
        assert_eq!(coded("sk-relay"), "");
        assert_eq!(coded("0123456789abcdef"), "");
        let sent = Secret::new("hunter");
        assert_eq!(Words { code: "hunter".to_owned(), ..Words::default() }.refuse(400, &[&sent]).code, "");
    }

    #[test]
    fn a_refusal_says_what_is_known_of_it() {
        let refusal = |code: &str, message: &str| {
            Words { code: code.to_owned(), message: message.to_owned(), ..Words::default() }
                .refuse(403, &[])
                .to_string()
        };
        assert_eq!(refusal("FORBIDDEN", "no"), "it answered 403 FORBIDDEN: no");
        assert_eq!(refusal("", "no"), "it answered 403: no");
        assert_eq!(refusal("", ""), "it answered 403");
    }
}

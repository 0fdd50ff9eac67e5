//! What the robots of group chats have in common: a URL that is a secret, a signing secret
//! where they want one, and answers whose body has a code while HTTP says 200.

use relay_domain::Secret;
use serde_json::Value;
use url::Url;

use super::{Answer, Outcome, by_status, coded, json};
use crate::fields::Fields;

/// A robot that may want its messages signed.
#[derive(Clone)]
pub(super) struct Robot {
    pub(super) url: Url,
    pub(super) secret: Option<Secret>,
}

impl Robot {
    pub(super) fn read(fields: &mut Fields, allow_private: bool) -> Self {
        let secret = fields.text("secret").map(|secret| Secret::new(&secret));
        Self { url: fields.url("url", None, allow_private), secret }
    }
}

/// What an answer means whose code and message have these names in its body: 0 is well, and `may_pass` says of
/// a code and its reason whether it is worth another try.
pub(super) fn judge(
    answer: &Answer<'_>,
    names: impl Fn(&Value) -> (&'static str, &'static str),
    may_pass: impl Fn(i64, &str) -> bool,
) -> Outcome {
    if let Some(outcome) = by_status(answer) {
        return outcome;
    }
    let body = match json(answer) {
        Ok(body) => body,
        Err(outcome) => return outcome,
    };
    let (code, message) = names(&body);
    let reason = coded(&body[code], &body[message]);
    match body[code].as_i64() {
        Some(0) => Outcome::Delivered,
        Some(code) if may_pass(code, &reason) => Outcome::retry(reason),
        _ => Outcome::refused(reason),
    }
}

//! What the robots of group chats have in common: a URL that is a secret, a signing secret
//! where they want one, and answers whose body has a code while HTTP says 200.

use relay_domain::Secret;
use serde_json::Value;
use url::Url;

use super::{Answer, Outcome, by_status, coded, json, not_theirs};
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
/// a code and its reason whether it is worth another try. Most say 200 whatever happens; where the status is another
/// one, the code still says more: Feishu tells of too many requests with 400. JSON without a code may be of a relay
/// that delivered the message, so it is not sent again.
pub(super) fn judge(
    answer: &Answer<'_>,
    names: impl Fn(&Value) -> (&'static str, &'static str),
    may_pass: impl Fn(i64, &str) -> bool,
) -> Outcome {
    let by_status = by_status(answer);
    let body = match json(answer) {
        Ok(body) => body,
        Err(outcome) => return by_status.unwrap_or(outcome),
    };
    let (code, message) = names(&body);
    let reason = coded(&body[code], &body[message]);
    match (number(&body[code]), by_status) {
        (Some(code), _) if may_pass(code, &reason) => Outcome::Retry { reason, after: answer.retry_after },
        (_, Some(outcome)) => outcome,
        (Some(0), None) => Outcome::Delivered,
        (Some(_), None) => Outcome::refused(reason),
        (None, None) => Outcome::refused(not_theirs(answer)),
    }
}

/// A code. `DingTalk` documents numbers, and puts them into quotes in its example.
fn number(code: &Value) -> Option<i64> {
    code.as_i64().or_else(|| code.as_str()?.parse().ok())
}

//! How limits are told to clients: `Retry-After`, `x-ratelimit-*`, and the 429.

use std::fmt;
use std::time::Duration;

use http::StatusCode;
use relay_domain::{Amount, Budget};
use relay_http1::ResponseHeadWriter;
use relay_limits::{Kind, Quota, Refusal, Standing};

use crate::error::GatewayError;
use crate::limits::Refused;

/// What the fields of one limit begin with; a host's own are not shown beside ours.
pub(crate) const PREFIX: &[u8] = b"x-ratelimit-";

/// Says when to come back if only requests in flight can tell.
const UNKNOWN_WAIT: Duration = Duration::from_secs(1);

/// Writes the fields of each rate that is limited.
pub(crate) fn tell(standing: &Standing, lines: &mut ResponseHeadWriter) {
    for (names, quota) in quotas(standing) {
        lines.number(names[0], quota.limit);
        lines.number(names[1], quota.remaining);
        lines.display(names[2], Span(quota.reset));
    }
}

/// Whether anything would be told.
pub(crate) fn is_told(standing: &Standing) -> bool {
    standing.requests.is_some() || standing.tokens.is_some()
}

fn quotas(standing: &Standing) -> impl Iterator<Item = (&'static [&'static str; 3], Quota)> {
    let requests = standing.requests.map(|quota| (&names::REQUESTS, quota));
    requests.into_iter().chain(standing.tokens.map(|quota| (&names::TOKENS, quota)))
}

/// The same for an error's answer, which is put together elsewhere.
fn fields(standing: &Standing) -> impl Iterator<Item = (&'static str, String)> {
    quotas(standing).flat_map(|(names, quota)| {
        let values = [quota.limit.to_string(), quota.remaining.to_string(), Span(quota.reset).to_string()];
        names.iter().copied().zip(values)
    })
}

/// The field names of each limit: OpenAI's where it has them.
mod names {
    pub(super) const REQUESTS: [&str; 3] =
        ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"];
    pub(super) const TOKENS: [&str; 3] =
        ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"];
    pub(super) const TOKENS_DAY: [&str; 3] =
        ["x-ratelimit-limit-tokens-day", "x-ratelimit-remaining-tokens-day", "x-ratelimit-reset-tokens-day"];
    pub(super) const CONCURRENCY: [&str; 3] =
        ["x-ratelimit-limit-concurrency", "x-ratelimit-remaining-concurrency", "x-ratelimit-reset-concurrency"];
    pub(super) const BUDGET: [&str; 3] =
        ["x-ratelimit-limit-budget", "x-ratelimit-remaining-budget", "x-ratelimit-reset-budget"];
}

/// A span as OpenAI writes it: `120ms`, `59s`, `6m0s`. Rounded up, so that who waits so long has waited enough.
struct Span(Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An answer has up to two of them, and `write!` takes longer than their digits.
        let mut put = |number: u64, unit: &str| {
            f.write_str(itoa::Buffer::new().format(number))?;
            f.write_str(unit)
        };
        if self.0 < Duration::from_secs(1) {
            return put(u64::from(self.0.subsec_micros().div_ceil(1_000)), "ms");
        }
        let seconds = seconds(self.0);
        if seconds >= 3_600 {
            put(seconds / 3_600, "h")?;
        }
        if seconds >= 60 {
            put(seconds / 60 % 60, "m")?;
        }
        put(seconds % 60, "s")
    }
}

fn seconds(span: Duration) -> u64 {
    span.as_secs() + u64::from(span.subsec_nanos() > 0)
}

/// The class of a refusal in the decision log.
pub(crate) fn class(refusal: &Refusal) -> &'static str {
    match refusal.kind {
        Kind::Requests | Kind::Tokens | Kind::TokensPerDay => "rate_limited",
        Kind::Concurrency(_) => "concurrency_limited",
        // Only what is reserved for requests in flight is in the way.
        Kind::Budget(_) if refusal.wait.is_none() => "rate_limited",
        Kind::Budget(_) => "budget_exhausted",
    }
}

/// 429 with everything that the client may go by.
pub(crate) fn refusal_error(refused: &Refused) -> GatewayError {
    let Refused { refusal, standing } = refused;
    let wait = refusal.wait.unwrap_or(UNKNOWN_WAIT);
    let (code, what, own) = match refusal.kind {
        Kind::Requests => ("rate_limit_exceeded", "The limit of requests per minute is reached.".to_owned(), None),
        Kind::Tokens => ("rate_limit_exceeded", "The limit of tokens per minute is reached.".to_owned(), None),
        Kind::TokensPerDay => (
            "rate_limit_exceeded",
            "The limit of tokens per day is reached.".to_owned(),
            Some((&names::TOKENS_DAY, None)),
        ),
        Kind::Concurrency(limit) => {
            let what = "Too many requests are in flight.".to_owned();
            ("concurrency_limit_exceeded", what, Some((&names::CONCURRENCY, Some(limit.to_string()))))
        }
        Kind::Budget(budget) if refusal.wait.is_none() => {
            let what =
                format!("Requests in flight may use what is left of the budget for this {}.", budget.period.as_str());
            ("rate_limit_exceeded", what, None)
        }
        Kind::Budget(budget) => {
            let what = format!("The budget for this {} is spent.", budget.period.as_str());
            ("budget_exhausted", what, Some((&names::BUDGET, Some(amount_text(budget)))))
        }
    };
    let message = format!("{what} Try again in {}.", Span(wait));
    let mut error = GatewayError::new(StatusCode::TOO_MANY_REQUESTS, code, message).retry_after(seconds(wait).max(1));
    error.fields.extend(fields(standing));
    if let Some((names, limit)) = own {
        error.fields.extend(limit.map(|limit| (names[0], limit)));
        error.fields.extend([(names[1], "0".to_owned()), (names[2], Span(wait).to_string())]);
    }
    if matches!(refusal.kind, Kind::Budget(_)) && refusal.wait.is_some() {
        // Clients retry a 429 on their own; this one does not pass in their time.
        error.fields.push(("x-should-retry", "false".to_owned()));
    }
    error
}

fn amount_text(budget: Budget) -> String {
    match budget.amount {
        Amount::Tokens(tokens) => tokens.to_string(),
        Amount::Money(money) => money.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_rounded_up_and_written_as_clients_know_them() {
        for (span, text) in [
            (Duration::ZERO, "0ms"),
            (Duration::from_micros(119_001), "120ms"),
            (Duration::from_millis(1_001), "2s"),
            (Duration::from_mins(6), "6m0s"),
            (Duration::from_secs(3_661), "1h1m1s"),
        ] {
            assert_eq!(Span(span).to_string(), text);
        }
    }

    #[test]
    fn a_refusal_says_when_to_come_back_and_what_is_left() {
        let refusal = Refusal { kind: Kind::Requests, wait: Some(Duration::from_millis(12_300)) };
        let quota = Quota { limit: 10, remaining: 0, reset: Duration::from_secs(59) };
        let standing = Standing { requests: Some(quota), tokens: None };
        let error = refusal_error(&Refused { refusal, standing });
        assert_eq!((error.status.as_u16(), error.code), (429, "rate_limit_exceeded"));
        assert_eq!(error.retry_after_seconds, Some(13));
        assert_eq!(
            error.fields,
            [
                ("x-ratelimit-limit-requests", "10".to_owned()),
                ("x-ratelimit-remaining-requests", "0".to_owned()),
                ("x-ratelimit-reset-requests", "59s".to_owned()),
            ]
        );
    }
}

//! The one classifier, for every surface: from the end of an attempt to its
//! [`Outcome`] (spec §5, the table; `docs/failure.md` has it for operators).
//!
//! It never looks at which host or route it was: equal endings are judged equally.
//! Bodies count by their codes (see `codes.rs`); what a host writes for people may be
//! rewritten by its operator. No text of a host gets into a reply but by
//! [`Reply::Relayed`], which whoever answers the client re-shapes.

use std::time::Duration;

use crate::codes::ErrorBody;
use crate::outcome::{Another, AttemptEnd, Effect, Fault, Outcome, Quota, Reply, gateway_status};
use crate::wait::{Wait, WaitFor};

/// The end of an attempt, as it is seen by whoever ran it.
#[derive(Clone, Copy, Debug)]
pub enum Ending<'a> {
    /// Name resolution, connecting or the TLS handshake failed: no byte of the request left us.
    Unreachable,
    /// The request cannot be made for this host as it is configured: its address is not
    /// allowed, or its key is no header value.
    Unsendable,
    /// The connection was reset or closed before a whole head, or before a whole
    /// body that was not yet committed.
    CutShort,
    /// What came is no answer: junk for a head, or a body that does not parse.
    Junk,
    /// A body whose encoding cannot be undone within bounds.
    Undecodable,
    /// A redirect, with its status; never followed.
    Redirect(u16),
    /// An answer with a status; of a stream, its head.
    Answer(AnswerHead<'a>),
    /// The first event of a 200 stream, or a whole 200, is an error; its data.
    ErrorEvent(&'a [u8]),
    /// A 200 stream ended without any output.
    NoOutput,
    /// No first output in time. Pings and comments are none.
    FirstOutputTimeout,
    /// A committed stream fell silent.
    StreamIdle,
    /// A committed stream ended without its terminal event.
    StreamTruncated,
    /// A committed stream told of an error; its data.
    StreamError(&'a [u8]),
    /// The client went away.
    ClientGone,
}

/// What the classifier sees of an answer.
#[derive(Clone, Copy, Debug)]
pub struct AnswerHead<'a> {
    /// The HTTP status.
    pub status: u16,
    /// `Content-Type`; empty when there is none.
    pub content_type: &'a str,
    /// The wait that its headers ask for; see [`crate::wait::from_headers`].
    pub wait: Option<Wait>,
    /// The beginning of the body, as much as is worth reading (error bodies are
    /// small: 64 KiB is plenty); `None` when it is a stream or not read yet.
    pub body_head: Option<&'a [u8]>,
}

/// The longest wait that a rate limit is believed (spec §5).
pub const LONGEST_RATE_LIMIT: Duration = Duration::from_hours(1);

const fn ours(status: u16, code: &'static str, message: &'static str) -> Reply {
    Reply::Ours { status, code, message }
}

const UNREACHABLE: Reply = ours(502, "upstream_unreachable", "The upstream host could not be reached.");
const BAD_RESPONSE: Reply = ours(502, "upstream_bad_response", "The upstream host gave no usable response.");
const ERROR: Reply = ours(502, "upstream_error", "The upstream host failed to serve the request.");
const UNAVAILABLE: Reply = ours(503, "upstream_unavailable", "The upstream host is unavailable. Please retry later.");
const RATE_LIMITED: Reply =
    ours(429, "upstream_rate_limited", "The upstream rate limit was reached. Please retry later.");
const BUSY: Reply = ours(429, "upstream_busy", "Too many requests are in progress upstream. Please retry later.");
const OVERLOADED: Reply = ours(503, "upstream_overloaded", "The upstream host is overloaded. Please retry later.");
const QUOTA: Reply = ours(503, "upstream_quota", "The upstream quota is used up.");
const AUTH: Reply = ours(502, "upstream_auth", "The upstream host refused our credentials.");
const CLIENT_REFUSED: Reply =
    ours(403, "upstream_client_refused", "The upstream serves this model to other client programs only.");
const NOT_OFFERED: Reply = ours(403, "upstream_not_offered", "The upstream does not offer this function.");
const TIMEOUT: Reply = ours(504, "upstream_timeout", "The upstream host did not respond in time.");
const INTERRUPTED: Reply =
    Reply::InStream { code: "stream_interrupted", message: "The response was interrupted and is incomplete." };
const STREAM_TIMEOUT: Reply =
    Reply::InStream { code: "stream_timeout", message: "The response stalled and is incomplete." };

/// Judges the end of an attempt.
pub fn classify(ending: &Ending<'_>) -> Outcome {
    use AttemptEnd::{Answered, MaybeExecuted, NotSent};
    match ending {
        Ending::Unreachable => host(NotSent, "transport_error", UNREACHABLE),
        // The host is not to blame, and this route will not get better by itself.
        Ending::Unsendable => Outcome {
            fault: Some(Fault::Relay),
            effect: Effect::RouteMisconfigured,
            ..host(NotSent, "transport_error", UNREACHABLE)
        },
        Ending::CutShort => host(MaybeExecuted, "transport_error", BAD_RESPONSE),
        Ending::Junk | Ending::Undecodable => bad_response(),
        Ending::Redirect(status) => redirect(*status),
        Ending::Answer(head) => answer(head),
        Ending::ErrorEvent(data) => error_event(&ErrorBody::read(data)),
        Ending::NoOutput => route(MaybeExecuted, "error_in_stream", ERROR),
        Ending::FirstOutputTimeout => Outcome { another: Another::Once, ..route(MaybeExecuted, "timeout", TIMEOUT) },
        Ending::StreamIdle => broken_off(route(Answered, "stream_idle", STREAM_TIMEOUT)),
        Ending::StreamTruncated => broken_off(route(Answered, "stream_truncated", INTERRUPTED)),
        Ending::StreamError(data) => {
            let told = error_event(&ErrorBody::read(data));
            broken_off(Outcome { end: Answered, reply: INTERRUPTED, ..told })
        }
        Ending::ClientGone => Outcome {
            fault: Some(Fault::Client),
            another: Another::No,
            effect: Effect::None,
            ..route(MaybeExecuted, "client_gone", Reply::Nothing)
        },
    }
}

fn failed(end: AttemptEnd, class: &'static str, fault: Fault, effect: Effect, reply: Reply) -> Outcome {
    let (class, fault, another) = (Some(class), Some(fault), Another::Yes);
    Outcome { end, class, fault, another, effect, reply, wait: None, status: None }
}

fn host(end: AttemptEnd, class: &'static str, reply: Reply) -> Outcome {
    failed(end, class, Fault::Host, Effect::Host, reply)
}

fn route(end: AttemptEnd, class: &'static str, reply: Reply) -> Outcome {
    failed(end, class, Fault::Host, Effect::Route, reply)
}

/// After the route commit no other route is tried.
fn broken_off(outcome: Outcome) -> Outcome {
    Outcome { another: Another::No, ..outcome }
}

fn bad_response() -> Outcome {
    host(AttemptEnd::MaybeExecuted, "gateway_bad_response", BAD_RESPONSE)
}

/// The host lives and speaks HTTP; the address leads to something else than its API
/// (a login page, `http` for `https`), and will until an operator mends it.
fn redirect(status: u16) -> Outcome {
    Outcome { fault: Some(Fault::Relay), effect: Effect::RouteMisconfigured, status: Some(status), ..bad_response() }
}

fn answer(head: &AnswerHead<'_>) -> Outcome {
    let body = head.body_head.unwrap_or_default();
    let is_page = is_html(head.content_type, body);
    match head.status {
        200..300 if is_page || head.body_head.is_some_and(|body| body.trim_ascii().is_empty()) => bad_response(),
        200..300 => Outcome::ANSWERED,
        300..400 => redirect(head.status),
        ..300 => bad_response(),
        status => {
            let outcome = match status {
                // A page in place of an API's refusal is a proxy's or a firewall's: it says nothing of the key.
                401 | 403 if is_page => Outcome { end: AttemptEnd::Refused, ..bad_response() },
                400 => error_status(400, head.wait, &ErrorBody::read(body).blaming_the_client()),
                status => error_status(status, head.wait, &ErrorBody::read(body)),
            };
            Outcome { status: Some(status), ..outcome }
        }
    }
}

fn error_status(status: u16, wait: Option<Wait>, body: &ErrorBody) -> Outcome {
    match status {
        401 | 403 | 429 if body.says_address_banned() => address_banned(wait),
        500.. if status != 501 => server_error(status, wait, body),
        // The last account's own status, whatever it was (sub2api-host-api.md §4.3, "Exception").
        401..=403 if body.says_pool_exhausted() => server_error(502, wait, body),
        400 | 402 | 403 | 429 if let Some(what) = used_up(status, wait, body) => quota(what, wait, body),
        429 if body.says_queue_full() || body.says_overloaded() => busy(BUSY, wait),
        429 => rate_limited(wait, body),
        400 if body.says_overloaded() => busy(OVERLOADED, wait),
        408 | 425 => busy(OVERLOADED, wait),
        400 if body.says_bad_key() => auth(),
        403 if body.says_content_policy() => for_the_client(status),
        403 if body.says_wrong_client() => wrong_client(),
        403 if body.says_not_offered() => Outcome { reply: NOT_OFFERED, ..drift(status) },
        401 | 403 => auth(),
        405 | 501 => drift(status),
        // A 404 that is not the API's is the host's router: it does not have the path.
        404 if body.says_model_not_found() || body.says_not_offered() || !body.is_json => drift(status),
        499 => gone_for_the_host(),
        _ => for_the_client(status),
    }
}

fn refused(class: &'static str, fault: Fault, effect: Effect, reply: Reply) -> Outcome {
    failed(AttemptEnd::Refused, class, fault, effect, reply)
}

/// What is the request's own fault; another host would say the same.
fn for_the_client(status: u16) -> Outcome {
    let refused = refused(gateway_status(status), Fault::Client, Effect::None, Reply::Relayed);
    Outcome { another: Another::No, ..refused }
}

/// The host does not offer what the route promises.
fn drift(status: u16) -> Outcome {
    refused(gateway_status(status), Fault::Relay, Effect::Drift, Reply::Relayed)
}

/// A group or account that takes only certain programs (Claude Code, Codex). It is well
/// for those, so neither the credential nor the route may suffer for the others.
fn wrong_client() -> Outcome {
    refused(gateway_status(403), Fault::Client, Effect::None, CLIENT_REFUSED)
}

/// The host believes that we went away, and we did not: something between us hung up.
/// Nobody can tell whose doing it was, and a client that waits must not read of it.
fn gone_for_the_host() -> Outcome {
    failed(AttemptEnd::MaybeExecuted, gateway_status(499), Fault::Host, Effect::None, ERROR)
}

fn auth() -> Outcome {
    refused("gateway_auth_error", Fault::Credential, Effect::Refused, AUTH)
}

/// What is used up, by the codes, or for a 429 by the headers that ride beside it. A 402
/// says so by itself.
fn used_up(status: u16, wait: Option<Wait>, body: &ErrorBody) -> Option<Quota> {
    let by_headers = || match wait?.of {
        WaitFor::Window(what) if status == 429 => Some(what),
        _ => None,
    };
    body.quota().or_else(by_headers).or_else(|| (status == 402).then_some(Quota::Balance))
}

/// The resets of short limits ride on every answer and say nothing of a window's end:
/// believed, they would send requests to an empty account every second.
fn quota(what: Quota, wait: Option<Wait>, body: &ErrorBody) -> Outcome {
    let wait = wait.filter(|wait| wait.of != WaitFor::Limit).map(|wait| wait.span).or(body.wait);
    let refused = refused("gateway_quota_exhausted", Fault::Credential, Effect::Quota(what), QUOTA);
    Outcome { wait, ..refused }
}

fn rate_limited(wait: Option<Wait>, body: &ErrorBody) -> Outcome {
    let wait = wait.map(|wait| wait.span).or(body.wait).map(|wait| wait.min(LONGEST_RATE_LIMIT));
    let refused = refused("gateway_rate_limited", Fault::Credential, Effect::RateLimited, RATE_LIMITED);
    Outcome { wait, ..refused }
}

fn address_banned(wait: Option<Wait>) -> Outcome {
    let refused = refused("gateway_rate_limited", Fault::Host, Effect::AddressBanned, RATE_LIMITED);
    Outcome { wait: said(wait), ..refused }
}

fn busy(reply: Reply, wait: Option<Wait>) -> Outcome {
    Outcome { wait: said(wait), ..refused("gateway_busy", Fault::Host, Effect::Busy, reply) }
}

fn server_error(status: u16, wait: Option<Wait>, body: &ErrorBody) -> Outcome {
    let class = if status == 500 { "gateway_500" } else { "gateway_5xx" };
    // A gateway's timeout (504, and 524 of a CDN) and its unknown error (520) mean
    // that the request went in and no answer came out.
    let end = if matches!(status, 504 | 520 | 524) { AttemptEnd::MaybeExecuted } else { AttemptEnd::Refused };
    let wait = said(wait);
    let reply = if wait.is_some() { UNAVAILABLE } else { ERROR };
    Outcome { wait, effect: fault_or_lack(body), ..route(end, class, reply) }
}

/// Hosts say 503 also to a client they do not take and for a function they do not have.
/// Such answers must not open a route that is well for everybody else.
fn fault_or_lack(body: &ErrorBody) -> Effect {
    if body.says_wrong_client() {
        Effect::None
    } else if body.says_not_offered() {
        Effect::Drift
    } else {
        Effect::Route
    }
}

/// The wait that was said of this very answer. The state of limits, which rides on every
/// answer, says nothing of a failure or a queue.
fn said(wait: Option<Wait>) -> Option<Duration> {
    wait.filter(|wait| wait.of == WaitFor::Answer).map(|wait| wait.span.min(LONGEST_RATE_LIMIT))
}

/// In-band errors have no status. Their class says so; what they do to health is judged by
/// their code as the same code with a status would be, since it is the same error, told
/// after a queue. What the client did wrong is relayed: another host would say the same.
fn error_event(body: &ErrorBody) -> Outcome {
    let class = "error_in_stream";
    let credential = |effect| Outcome { wait: body.wait, ..refused(class, Fault::Credential, effect, ERROR) };
    if let Some(what) = body.quota() {
        return credential(Effect::Quota(what));
    }
    if body.says_queue_full() {
        return refused(class, Fault::Host, Effect::Busy, ERROR);
    }
    if body.says_rate_limited() {
        return credential(Effect::RateLimited);
    }
    if body.says_wrong_client() {
        return refused(class, Fault::Client, Effect::None, CLIENT_REFUSED);
    }
    if body.says_not_offered() {
        return refused(class, Fault::Relay, Effect::Drift, NOT_OFFERED);
    }
    if body.says_model_not_found() {
        return refused(class, Fault::Relay, Effect::Drift, Reply::Relayed);
    }
    if body.says_bad_key() || body.says_not_permitted() {
        return credential(Effect::Refused);
    }
    if body.says_invalid_request() || body.says_content_policy() {
        return broken_off(refused(class, Fault::Client, Effect::None, Reply::Relayed));
    }
    let end = if body.says_upstream_cut() { AttemptEnd::MaybeExecuted } else { AttemptEnd::Refused };
    route(end, class, ERROR)
}

fn is_html(content_type: &str, body: &[u8]) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("text/html") || body.trim_ascii_start().starts_with(b"<")
}

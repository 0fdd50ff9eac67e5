//! How an attempt ended: the one classifier, for every surface (spec §5, the table).
//!
//! It says what is known of the work, what the record calls it, whose fault it is,
//! whether another route may be tried, and what the client gets when none is left.
//! It never looks at which host or route it was: equal endings are judged equally.
//! Bodies count by their codes (see `codes.rs`); what a host writes for people
//! may be rewritten by its operator.

use std::time::Duration;

use crate::LeftBecause;
use crate::codes::ErrorBody;

/// The end of an attempt, as it is seen by whoever ran it.
#[derive(Clone, Copy, Debug)]
pub enum Ending<'a> {
    /// Name resolution, connecting or the TLS handshake failed: no byte of the request left us.
    Unreachable,
    /// The connection was reset or closed before a whole head, or before a whole
    /// body that was not yet committed.
    CutShort,
    /// What came is no answer: junk for a head, or a body that does not parse.
    Junk,
    /// An answer with a status; of a stream, its head.
    Answer(AnswerHead<'a>),
    /// The first event of a 200 stream is an error; its data.
    ErrorEvent(&'a [u8]),
    /// A 200 stream ended without any output.
    NoOutput,
    /// No first output in time. Pings and comments are none.
    FirstOutputTimeout,
    /// A committed stream fell silent.
    StreamIdle,
    /// A committed stream ended without its terminal event.
    StreamTruncated,
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
    pub wait: Option<Duration>,
    /// The beginning of the body, as much as is worth reading (error bodies are
    /// small: 64 KiB is plenty); `None` when it is a stream or not read yet.
    pub body_head: Option<&'a [u8]>,
}

/// What is known of the work (spec §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttemptEnd {
    /// No byte of the request left us.
    NotSent,
    /// An answer that says that no work was done.
    Refused,
    /// The request was sent and no usable answer came: the host may have worked, and may bill.
    MaybeExecuted,
    /// A usable answer came, or began to.
    Answered,
}

impl AttemptEnd {
    /// The label used in decisions and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotSent => "not_sent",
            Self::Refused => "refused",
            Self::MaybeExecuted => "maybe_executed",
            Self::Answered => "answered",
        }
    }
}

/// Who can do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The request itself, or its sender.
    Client,
    /// The host, or what lies behind it.
    Host,
    /// What we were told of the host: it lacks the model or the path.
    Relay,
    /// The gateway key: refused, limited or used up.
    Credential,
}

impl Fault {
    /// The label used in decisions and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Host => "host",
            Self::Relay => "relay",
            Self::Credential => "credential",
        }
    }
}

/// Whether another route may be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Another {
    /// As often as the budgets allow.
    Yes,
    /// Once, and only if the group allows it (`retry_on_timeout`): the host may bill both.
    Once,
    /// No.
    No,
}

/// What the client gets if nothing is left to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The host's own answer, re-shaped if it is not in the surface's error shape.
    Relayed,
    /// An error of ours, in the surface's shape. The host's text is not shown.
    Ours {
        /// HTTP status.
        status: u16,
        /// `code` of the error.
        code: &'static str,
        /// For people.
        message: &'static str,
    },
    /// An error event at the end of a stream that the client is already reading.
    InStream {
        /// `code` of the error.
        code: &'static str,
        /// For people.
        message: &'static str,
    },
    /// Nothing: nobody is listening.
    Nothing,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What is known of the work.
    pub end: AttemptEnd,
    /// `error_class` of the record; `None` when all went well.
    pub class: Option<&'static str>,
    /// Whose fault it is; `None` when it is nobody's.
    pub fault: Option<Fault>,
    /// Whether another route may be tried.
    pub another: Another,
    /// What the client gets if nothing is left.
    pub reply: Reply,
    /// How long the host asked us to wait, for `Retry-After` and cool-downs. At most
    /// an hour, except for a used-up quota.
    pub wait: Option<Duration>,
}

/// The longest wait that a rate limit is believed (spec §5).
pub const LONGEST_RATE_LIMIT: Duration = Duration::from_hours(1);

impl Outcome {
    /// A usable answer.
    pub const ANSWERED: Self = Self {
        end: AttemptEnd::Answered,
        class: None,
        fault: None,
        another: Another::No,
        reply: Reply::Relayed,
        wait: None,
    };

    /// Why a bound route that ended so was left: what is merely busy is borrowed
    /// around, without moving the conversation.
    pub fn left_because(&self) -> LeftBecause {
        if self.class == Some("gateway_busy") { LeftBecause::Busy } else { LeftBecause::Failed }
    }

    /// Whether all went well.
    pub fn is_answered(&self) -> bool {
        self.class.is_none()
    }

    const fn failed(end: AttemptEnd, class: &'static str, fault: Fault, another: Another, reply: Reply) -> Self {
        Self { end, class: Some(class), fault: Some(fault), another, reply, wait: None }
    }

    const fn waiting(self, wait: Option<Duration>) -> Self {
        Self { wait, ..self }
    }
}

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
const TIMEOUT: Reply = ours(504, "upstream_timeout", "The upstream host did not respond in time.");
const INTERRUPTED: Reply =
    Reply::InStream { code: "stream_interrupted", message: "The response was interrupted and is incomplete." };
const STREAM_TIMEOUT: Reply =
    Reply::InStream { code: "stream_timeout", message: "The response stalled and is incomplete." };

/// Judges the end of an attempt.
pub fn classify(ending: &Ending<'_>) -> Outcome {
    use AttemptEnd::{Answered, MaybeExecuted, NotSent};
    match ending {
        Ending::Unreachable => Outcome::failed(NotSent, "transport_error", Fault::Host, Another::Yes, UNREACHABLE),
        Ending::CutShort => Outcome::failed(MaybeExecuted, "transport_error", Fault::Host, Another::Yes, BAD_RESPONSE),
        Ending::Junk => bad_response(),
        Ending::Answer(head) => answer(head),
        Ending::ErrorEvent(data) => error_event(&ErrorBody::read(data)),
        Ending::NoOutput => Outcome::failed(MaybeExecuted, "error_in_stream", Fault::Host, Another::Yes, ERROR),
        Ending::FirstOutputTimeout => Outcome::failed(MaybeExecuted, "timeout", Fault::Host, Another::Once, TIMEOUT),
        Ending::StreamIdle => Outcome::failed(Answered, "stream_idle", Fault::Host, Another::No, STREAM_TIMEOUT),
        Ending::StreamTruncated => Outcome::failed(Answered, "stream_truncated", Fault::Host, Another::No, INTERRUPTED),
        Ending::ClientGone => Outcome::failed(MaybeExecuted, "client_gone", Fault::Client, Another::No, Reply::Nothing),
    }
}

/// `error_class` of the operator's probe (spec §3), which goes by the status alone.
pub fn status_class(status: u16) -> Option<&'static str> {
    match status {
        ..=399 => None,
        401 | 403 => Some("gateway_auth_error"),
        429 => Some("gateway_rate_limited"),
        400..502 => Some(BY_STATUS[usize::from(status - 400)]),
        502.. => Some("gateway_5xx"),
    }
}

fn bad_response() -> Outcome {
    let end = AttemptEnd::MaybeExecuted;
    Outcome::failed(end, "gateway_bad_response", Fault::Host, Another::Yes, BAD_RESPONSE)
}

fn answer(head: &AnswerHead<'_>) -> Outcome {
    let body = head.body_head.unwrap_or_default();
    let is_page = is_html(head.content_type, body);
    match head.status {
        200..300 if is_page || head.body_head.is_some_and(|body| body.trim_ascii().is_empty()) => bad_response(),
        200..300 => Outcome::ANSWERED,
        ..=399 => bad_response(),
        // A page in place of an API's refusal is a proxy's or a firewall's: it says nothing of the key.
        401 | 403 if is_page => Outcome { end: AttemptEnd::Refused, ..bad_response() },
        status => error_status(status, head.wait, &ErrorBody::read(body)),
    }
}

fn error_status(status: u16, wait: Option<Duration>, body: &ErrorBody) -> Outcome {
    match status {
        500.. if status != 501 => server_error(status, wait),
        // The last account's own status, whatever it was (sub2api-host-api.md §4.3, "Exception").
        401..=403 if body.says_pool_exhausted() => server_error(502, wait),
        402 => quota(wait),
        400 | 403 | 429 if body.says_quota() => quota(wait),
        429 if body.says_queue_full() => busy(BUSY, wait),
        429 => {
            let fault = if body.says_address_banned() { Fault::Host } else { Fault::Credential };
            let wait = wait.map(|wait| wait.min(LONGEST_RATE_LIMIT));
            refused("gateway_rate_limited", fault, Another::Yes, RATE_LIMITED).waiting(wait)
        }
        400 if body.says_overloaded() => busy(OVERLOADED, wait),
        408 | 425 => busy(OVERLOADED, wait),
        400 if body.says_bad_key() => auth(),
        403 if body.says_content_policy() => relayed(status, Fault::Client, Another::No),
        401 | 403 => auth(),
        405 | 501 => relayed(status, Fault::Relay, Another::Yes),
        // A 404 that is not the API's is the host's router: it does not have the path.
        404 if body.says_model_not_found() || !body.is_json => relayed(status, Fault::Relay, Another::Yes),
        _ => relayed(status, Fault::Client, Another::No),
    }
}

fn refused(class: &'static str, fault: Fault, another: Another, reply: Reply) -> Outcome {
    Outcome::failed(AttemptEnd::Refused, class, fault, another, reply)
}

fn relayed(status: u16, fault: Fault, another: Another) -> Outcome {
    refused(BY_STATUS[usize::from(status - 400)], fault, another, Reply::Relayed)
}

fn quota(wait: Option<Duration>) -> Outcome {
    refused("gateway_quota_exhausted", Fault::Credential, Another::Yes, QUOTA).waiting(wait)
}

fn busy(reply: Reply, wait: Option<Duration>) -> Outcome {
    let wait = wait.map(|wait| wait.min(LONGEST_RATE_LIMIT));
    refused("gateway_busy", Fault::Host, Another::Yes, reply).waiting(wait)
}

fn auth() -> Outcome {
    refused("gateway_auth_error", Fault::Credential, Another::Yes, AUTH)
}

fn server_error(status: u16, wait: Option<Duration>) -> Outcome {
    let class = if status == 500 { "gateway_500" } else { "gateway_5xx" };
    // A gateway's timeout (504, and 524 of a CDN) and its unknown error (520) mean
    // that the request went in and no answer came out.
    let end = if matches!(status, 504 | 520 | 524) { AttemptEnd::MaybeExecuted } else { AttemptEnd::Refused };
    let wait = wait.map(|wait| wait.min(LONGEST_RATE_LIMIT));
    let reply = if wait.is_some() { UNAVAILABLE } else { ERROR };
    Outcome::failed(end, class, Fault::Host, Another::Yes, reply).waiting(wait)
}

/// In-band errors have no status: the class says so, and the code says whose fault
/// it is. What the client did wrong is relayed: another host would say the same.
fn error_event(body: &ErrorBody) -> Outcome {
    if body.says_quota() || body.says_rate_limited() || body.says_bad_key() {
        return refused("error_in_stream", Fault::Credential, Another::Yes, ERROR);
    }
    if body.says_invalid_request() || body.says_content_policy() {
        return refused("error_in_stream", Fault::Client, Another::No, Reply::Relayed);
    }
    refused("error_in_stream", Fault::Host, Another::Yes, ERROR)
}

fn is_html(content_type: &str, body: &[u8]) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("text/html") || body.trim_ascii_start().starts_with(b"<")
}

macro_rules! labels {
    ($($status:literal)*) => { [$(concat!("gateway_", $status)),*] };
}

/// `gateway_<status>` for 400 to 501: labels of metrics are static.
#[rustfmt::skip]
static BY_STATUS: [&str; 102] = labels![
    400 401 402 403 404 405 406 407 408 409 410 411 412 413 414 415 416 417 418 419
    420 421 422 423 424 425 426 427 428 429 430 431 432 433 434 435 436 437 438 439
    440 441 442 443 444 445 446 447 448 449 450 451 452 453 454 455 456 457 458 459
    460 461 462 463 464 465 466 467 468 469 470 471 472 473 474 475 476 477 478 479
    480 481 482 483 484 485 486 487 488 489 490 491 492 493 494 495 496 497 498 499
    500 501
];

//! One forward of the probe: what is sent, how the answer is read, and which
//! class an error has (spec §3).

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use relay_domain::{Host, Route, Secret};
use relay_hosts::{Endpoint, RequestBody, SendError, endpoint};
use relay_ledger::{AttemptRecord, Usage};
use relay_routing::outcome::status_class;
use relay_routing::{AnswerHead, Ending, Outcome, classify, wait};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::answer::Forward;
use super::input::{ForwardRequest, raw};
use super::key::EffectiveKey;
use crate::Control;

const PATH: &str = "/v1/chat/completions";

/// How much of a host's error is repeated in `error_message`.
const MAX_MESSAGE_CHARS: usize = 200;

/// Stands where a host repeated the key.
const REDACTED: &str = "[redacted]";

/// The body that is sent.
#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<Turn<'a>>,
    max_tokens: i64,
    temperature: &'a RawValue,
}

#[derive(Serialize)]
struct Turn<'a> {
    role: &'a str,
    content: &'a RawValue,
}

/// A forward that has ended.
pub(super) struct Forwarded {
    pub(super) forward: Forward,
    /// How the shared classifier judges it.
    pub(super) outcome: Outcome,
    pub(super) us: u64,
    pub(super) request_bytes: u64,
    pub(super) response_bytes: u64,
    pub(super) upstream_request_id: Option<String>,
    pub(super) usage: Usage,
}

/// What a forward goes to.
pub(super) struct Target<'a> {
    pub(super) route: &'a Route,
    pub(super) host: &'a Host,
    pub(super) shadow_group_id: String,
    pub(super) public_model: &'a str,
    /// `None` when it was never come to.
    pub(super) key: Option<&'a EffectiveKey>,
    pub(super) request_id: &'a str,
}

/// What came of a send.
enum Fetched {
    /// There was nothing to send.
    Unsendable { class: &'static str, message: String },
    /// No head came.
    NoHead { ending: Ending<'static>, message: String },
    /// A head, and its body or why there is none.
    Answer { status: u16, headers: HeaderMap, body: Result<Bytes, String> },
}

impl Target<'_> {
    /// The model that the host knows.
    fn model(&self) -> &str {
        if self.route.shadow_model.is_empty() { self.public_model } else { &self.route.shadow_model }
    }

    fn attempt(&self, outcome: &Outcome, status: Option<u16>, us: u64) -> AttemptRecord {
        AttemptRecord {
            route_id: self.route.id.shared(),
            host_id: self.route.host.shared(),
            end: outcome.end.as_str(),
            class: outcome.class,
            status,
            us,
        }
    }

    /// The text of the key, to be sent and to be looked for in what must not show it.
    fn secret(&self) -> &Secret {
        static NONE: LazyLock<Secret> = LazyLock::new(|| Secret::new(""));
        self.key.map_or(&NONE, EffectiveKey::secret)
    }

    /// `F` before anything came back.
    pub(super) fn blank(&self) -> Forward {
        Forward {
            host_id: self.host.id.to_string(),
            host_base_url: self.host.base_url.to_string(),
            shadow_group_id: self.shadow_group_id.clone(),
            shadow_model: self.model().to_owned(),
            effective_gateway_key_source: self.key.map(EffectiveKey::source),
            effective_gateway_key_fingerprint: self.key.map(EffectiveKey::fingerprint),
            managed_user_id: self.key.and_then(EffectiveKey::managed_user_id),
            upstream_path: PATH,
            ..Forward::default()
        }
    }
}

impl Forwarded {
    /// The attempt's line in the record.
    pub(super) fn attempt(&self, target: &Target<'_>) -> AttemptRecord {
        target.attempt(&self.outcome, self.forward.upstream_status, self.us)
    }

    /// Itself, with its line added to the record.
    pub(super) fn noted(self, target: &Target<'_>, attempts: &mut Vec<AttemptRecord>) -> Self {
        attempts.push(self.attempt(target));
        self
    }

    /// The host has answered as it should.
    pub(super) fn served(&self) -> bool {
        self.forward.ok && self.outcome.is_answered()
    }
}

impl Control {
    /// Sends the probe once and reads the answer; takes at most the time limit.
    /// Dropping the future closes the connection.
    pub(super) async fn forward(&self, request: &ForwardRequest, target: &Target<'_>) -> Forwarded {
        let started = Instant::now();
        let messages = request.messages.iter().map(|message| Turn { role: &message.role, content: &message.content });
        let body = Body {
            model: target.model(),
            messages: messages.collect(),
            max_tokens: request.max_tokens,
            temperature: &request.temperature,
        };
        let (fetched, request_bytes) = match serde_json::to_vec(&body) {
            Ok(body) => (self.fetch(target, Bytes::from(body.clone()), started).await, body.len() as u64),
            Err(error) => {
                let message = format!("the request cannot be written as JSON: {error}");
                (Fetched::Unsendable { class: "encode_request_failed", message }, 0)
            }
        };
        let us = started.elapsed().as_micros() as u64;
        let mut forwarded = read(fetched, target, self.now());
        forwarded.us = us;
        forwarded.forward.latency_ms = us / 1000;
        forwarded.request_bytes = request_bytes;
        forwarded
    }

    async fn fetch(&self, target: &Target<'_>, body: Bytes, started: Instant) -> Fetched {
        let request = match build(target, body) {
            Ok(request) => request,
            Err((class, message)) => return Fetched::Unsendable { class, message },
        };
        let limit = self.parts.limits.time_limit;
        let deadline = started + limit;
        let sent = tokio::time::timeout_at(deadline, self.parts.hosts.send(target.host.allow_private, request)).await;
        let response = match sent {
            Ok(Ok(response)) => response,
            Ok(Err(error @ SendError::PrivateAddress)) => {
                return Fetched::Unsendable { class: "invalid_host_base_url", message: error.to_string() };
            }
            Ok(Err(error)) => return not_answered(&error),
            Err(_) => {
                let message = format!("the host did not answer within {}", spoken(limit));
                return Fetched::NoHead { ending: Ending::FirstOutputTimeout, message };
            }
        };
        let (head, body) = response.into_parts();
        let bytes = self.parts.limits.max_answer_bytes;
        let body = match tokio::time::timeout_at(deadline, Limited::new(body, bytes).collect()).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(format!("the answer is larger than {bytes} bytes")),
            Ok(Err(_)) => Err("the connection broke before the answer was complete".to_owned()),
            Err(_) => Err(format!("the answer was not complete within {}", spoken(limit))),
        };
        Fetched::Answer { status: head.status.as_u16(), headers: head.headers, body }
    }
}

fn spoken(limit: Duration) -> humantime::FormattedDuration {
    humantime::format_duration(limit)
}

fn build(target: &Target<'_>, body: Bytes) -> Result<Request<RequestBody>, (&'static str, String)> {
    let endpoint = Endpoint::at(target.host.base_url.clone(), target.host.allow_private, None);
    let uri = endpoint
        .uri(&PathAndQuery::from_static(PATH))
        .map_err(|error| ("invalid_host_base_url", format!("the base_url of the host cannot be used: {error}")))?;
    let bearer = endpoint::bearer(target.secret()).map_err(|error| ("build_request_failed", error.to_string()))?;
    let length = body.len();
    let mut request = Request::post(uri)
        .body(RequestBody::from(body))
        .map_err(|error| ("build_request_failed", format!("the request cannot be built: {error}")))?;
    let headers = request.headers_mut();
    endpoint.authorize(headers, Some(&bearer));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("relay-manager/", env!("CARGO_PKG_VERSION"))));
    if let Ok(id) = HeaderValue::try_from(target.request_id) {
        headers.insert("x-request-id", id);
    }
    Ok(request)
}

fn not_answered(error: &SendError) -> Fetched {
    let ending = if error.not_sent() { Ending::Unreachable } else { Ending::CutShort };
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if error.source().is_none() {
            message = format!("{message}: {error}");
        }
        cause = error.source();
    }
    Fetched::NoHead { ending, message }
}

fn read(fetched: Fetched, target: &Target<'_>, now: relay_domain::Timestamp) -> Forwarded {
    let mut forward = target.blank();
    let forwarded = |forward: Forward, outcome| Forwarded {
        forward,
        outcome,
        us: 0,
        request_bytes: 0,
        response_bytes: 0,
        upstream_request_id: None,
        usage: Usage::default(),
    };
    match fetched {
        Fetched::Unsendable { class, message } => {
            forward.error_class = Some(class);
            forward.error_message = Some(message);
            forwarded(forward, classify(&Ending::Unsendable))
        }
        Fetched::NoHead { ending, message } => {
            forward.error_class = Some("transport_error");
            forward.error_message = Some(redact(&message, target.secret()));
            forwarded(forward, classify(&ending))
        }
        Fetched::Answer { status, headers, body } => {
            let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
            forward.upstream_status = Some(status);
            forward.content_type = text("content-type").map(|value| redact(value, target.secret()));
            let upstream_request_id =
                text("x-client-request-id").or_else(|| text("x-request-id")).map(|id| redact(id, target.secret()));
            let (body, outcome) = match body {
                Ok(body) if (300..400).contains(&status) => (Ok(body), classify(&Ending::Redirect(status))),
                Ok(body) => {
                    let head = AnswerHead {
                        status,
                        content_type: text("content-type").unwrap_or_default(),
                        wait: wait::from_headers(text, now),
                        body_head: Some(&body[..body.len().min(64 * 1024)]),
                    };
                    let outcome = classify(&Ending::Answer(head));
                    (Ok(body), outcome)
                }
                Err(message) => (Err(message), classify(&Ending::CutShort)),
            };
            let mut forwarded = forwarded(forward, outcome);
            forwarded.upstream_request_id = upstream_request_id;
            match body {
                Ok(body) => answered(&mut forwarded, status, &body, target.secret()),
                Err(message) => {
                    forwarded.forward.error_class = Some("read_response_failed");
                    forwarded.forward.error_message = Some(message);
                }
            }
            forwarded
        }
    }
}

fn answered(forwarded: &mut Forwarded, status: u16, body: &[u8], key: &Secret) {
    forwarded.response_bytes = body.len() as u64;
    let text = redact(&String::from_utf8_lossy(body), key);
    let text = text.trim();
    let json = serde_json::from_str::<&RawValue>(text).ok();
    let forward = &mut forwarded.forward;
    forward.ok = (200..300).contains(&status);
    forward.error_class = status_class(status);
    forward.error_message = match status {
        200..300 => None,
        300..400 => Some("the host answered with a redirect, which is not followed".to_owned()),
        _ => Some(error_message(status, text)),
    };
    forwarded.usage = if forward.ok { usage(text) } else { Usage::default() };
    forward.response = match json {
        Some(json) => Some(json.to_owned()),
        None if text.is_empty() => None,
        None => Some(raw(&text)),
    };
}

/// The host's own words, shortened; the status alone when it said nothing.
fn error_message(status: u16, text: &str) -> String {
    let json: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let said = [&json["error"]["message"], &json["error"], &json["message"]]
        .into_iter()
        .find_map(serde_json::Value::as_str)
        .unwrap_or(if json.is_null() { text } else { "" });
    let said: String = said.trim().chars().take(MAX_MESSAGE_CHARS).collect();
    if said.is_empty() { format!("the host answered {status}") } else { format!("the host answered {status}: {said}") }
}

/// Hosts repeat a refused key in their errors; nothing of ours repeats it after them.
fn redact(text: &str, key: &Secret) -> String {
    let key = key.expose();
    if key.is_empty() {
        return text.to_owned();
    }
    let quoted = raw(&key);
    let escaped = quoted.get().trim_matches('"');
    let redacted = text.replace(key, REDACTED);
    if escaped == key { redacted } else { redacted.replace(escaped, REDACTED) }
}

fn usage(text: &str) -> Usage {
    let Ok(json) = serde_json::from_str::<serde_json::Value>(text) else { return Usage::default() };
    let usage = &json["usage"];
    let number = |pointer: &str| usage.pointer(pointer).and_then(serde_json::Value::as_u64);
    let read = Usage {
        input: number("/prompt_tokens"),
        cached_input: number("/prompt_tokens_details/cached_tokens"),
        cache_write: None,
        output: number("/completion_tokens"),
        reasoning: number("/completion_tokens_details/reasoning_tokens"),
        provenance: None,
    };
    Usage { provenance: (read != Usage::default()).then_some("host"), ..read }
}

/// The fingerprint that the record shares with the answer.
pub(super) fn fingerprint(forward: &Forward) -> Option<Arc<str>> {
    forward.effective_gateway_key_fingerprint.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_a_host_repeats_is_not_repeated_by_us() {
        let key = Secret::new("sk-\"canary");
        let text = redact(r#"{"message":"bad key sk-\"canary"} sk-"canary"#, &key);
        assert!(!text.contains("canary"), "{text}");
    }

    #[test]
    fn the_hosts_own_words_are_found_in_every_error_shape() {
        let check = |text: &str, expected: &str| assert_eq!(error_message(500, text), expected);
        check(r#"{"error":{"message":" no "}}"#, "the host answered 500: no");
        check(r#"{"error":"no"}"#, "the host answered 500: no");
        check(r#"{"code":"X","message":"no"}"#, "the host answered 500: no");
        check("<html>", "the host answered 500: <html>");
        check(r#"{"x":1}"#, "the host answered 500");
        check("", "the host answered 500");
        assert!(error_message(500, &"x".repeat(1000)).len() < 250);
    }

    #[test]
    fn absent_usage_is_not_zero() {
        assert_eq!(usage("{}"), Usage::default());
        let read =
            usage(r#"{"usage":{"prompt_tokens":3,"completion_tokens":0,"prompt_tokens_details":{"cached_tokens":2}}}"#);
        assert_eq!((read.input, read.output, read.cached_input, read.reasoning), (Some(3), Some(0), Some(2), None));
        assert_eq!(read.provenance, Some("host"));
    }
}

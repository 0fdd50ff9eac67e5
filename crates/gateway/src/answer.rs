//! What the client gets: the head of the answer, and its body settled or handed
//! to the stream that will settle it.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::Gateway;
use crate::admit::log_stalled;
use crate::auth::Caller;
use crate::body::RelayBody;
use crate::commit::CommittedStream;
use crate::connection::RequestGuard;
use crate::error::GatewayError;
use crate::exchange::{Ending, Exchange};
use crate::headers;
use crate::request_id::{RequestId, X_REQUEST_ID};
use crate::run::Job;
use crate::stream::{Raw, Relaying, StreamBody, StreamClocks};

/// Tells nginx and its kin not to hold a stream back.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The end of a job.
pub(crate) struct Answer {
    pub(crate) exchange: Exchange,
    pub(crate) head: Head,
    pub(crate) kind: AnswerKind,
}

/// What the answer's head says.
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    /// The host's headers, all of them.
    pub(crate) headers: HeaderMap,
    pub(crate) route_id: Option<Arc<str>>,
    pub(crate) host_id: Option<Arc<str>>,
    pub(crate) sticky_action: &'static str,
    pub(crate) attempts: usize,
}

impl Head {
    /// Of an answer that no host gave.
    pub(crate) fn none() -> Self {
        Self {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            route_id: None,
            host_id: None,
            sticky_action: "none",
            attempts: 0,
        }
    }
}

/// What the answer's body is.
pub(crate) enum AnswerKind {
    Stream(CommittedStream),
    /// A whole answer, or a host's error that the client is to see.
    Whole {
        body: Bytes,
        class: Option<&'static str>,
    },
    /// Too large to be read whole.
    Raw {
        head: Bytes,
        upstream: Incoming,
    },
    /// An error of ours.
    Refused {
        error: GatewayError,
        class: Option<&'static str>,
    },
}

impl Gateway {
    /// Runs a job to its answer. A streaming client gets its status after
    /// `status_commit` at the latest, and keep-alive comments while the route is
    /// still open (spec §5).
    pub(crate) async fn respond(
        self: &Arc<Self>,
        job: Box<Job>,
        caller: &Caller,
        id: &RequestId,
        stream: bool,
        guard: RequestGuard,
    ) -> Result<Response<RelayBody>, GatewayError> {
        let expose = caller.key.expose_routing;
        let ticket = Arc::clone(&job.ticket);
        let mut work = Box::pin(job.run());
        let answer = if stream {
            tokio::select! {
                biased;
                answer = work.as_mut() => answer,
                () = tokio::time::sleep(self.options.status_commit) => {
                    ticket.committed().await.map_err(|_| log_stalled())?;
                    let body = StreamBody::open(work, self.clocks(), guard);
                    return Ok(event_stream(RelayBody::stream(body), id));
                }
            }
        } else {
            work.await
        };
        Ok(self.response(answer, id, expose, guard))
    }

    fn response(&self, answer: Answer, id: &RequestId, expose: bool, guard: RequestGuard) -> Response<RelayBody> {
        let Answer { mut exchange, head, kind } = answer;
        let routing = expose.then(|| routing_headers(&head, &exchange));
        let mut response = match kind {
            AnswerKind::Refused { error, class } => {
                let response = error.response(id);
                exchange.settle(Ending::failed(class, error.status));
                response
            }
            AnswerKind::Whole { body, class } => {
                exchange.count_sent(body.len());
                exchange.settle(match class {
                    None => Ending::complete(head.status),
                    Some(_) => Ending::failed(class, head.status),
                });
                let mut response = with_head(RelayBody::full(body), &head, id);
                response.headers_mut().entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
                response
            }
            AnswerKind::Raw { head: bytes, upstream } => {
                exchange.answered_with(head.status);
                let raw = Raw { ready: Some(bytes), upstream, exchange, last_received: Instant::now() };
                with_head(RelayBody::stream(StreamBody::raw(raw, self.clocks(), guard)), &head, id)
            }
            AnswerKind::Stream(committed) => {
                exchange.answered_with(head.status);
                let relaying = Relaying::new(committed, exchange);
                let body = StreamBody::relaying(relaying, self.clocks(), guard);
                let mut response = with_head(RelayBody::stream(body), &head, id);
                response.headers_mut().insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
                response
            }
        };
        response.headers_mut().extend(routing.into_iter().flatten());
        response
    }

    fn clocks(&self) -> StreamClocks {
        StreamClocks { keep_alive: self.options.keep_alive, idle: self.options.idle }
    }
}

fn with_head(body: RelayBody, head: &Head, id: &RequestId) -> Response<RelayBody> {
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    *response.headers_mut() = headers::to_client(&head.headers, id);
    response
}

/// A stream whose host is not known yet.
fn event_stream(body: RelayBody, id: &RequestId) -> Response<RelayBody> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    headers.insert(X_REQUEST_ID, id.value());
    response
}

/// `X-Relay-*`, for keys with `expose_routing = true` (spec §6).
fn routing_headers(head: &Head, exchange: &Exchange) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(5);
    let mut put = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    if let Some(route_id) = &head.route_id {
        put("x-relay-route", route_id);
    }
    if let Some(host_id) = &head.host_id {
        put("x-relay-host", host_id);
    }
    put("x-relay-sticky", head.sticky_action);
    put("x-relay-attempts", &head.attempts.to_string());
    put("x-relay-overhead-us", &exchange.overhead_us().to_string());
    headers
}

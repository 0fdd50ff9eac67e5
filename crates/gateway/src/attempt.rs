//! One try at one host, up to the route commit or to the reason why there is none.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use relay_domain::{CredentialMode, Secret, Timestamp};
use relay_hosts::{Endpoint, HostClient, SendError, endpoint};
use relay_routing::{AnswerHead, Ending, wait};

use crate::commit::{Committed, Unusable, commit};
use crate::headers;
use crate::splice;

/// What is sent, whichever host it goes to.
pub(crate) struct Outgoing {
    pub(crate) headers: HeaderMap,
    pub(crate) path: PathAndQuery,
    pub(crate) body: Bytes,
    pub(crate) model_span: Range<usize>,
    /// The caller's own key, when a candidate sends it.
    pub(crate) caller: Option<CallerKey>,
}

/// The key a caller presented, as a host is to see it.
pub(crate) struct CallerKey {
    value: HeaderValue,
    pub(crate) fingerprint: Arc<str>,
}

impl CallerKey {
    pub(crate) fn new(secret: &Secret) -> Option<Self> {
        let value = endpoint::bearer(secret).ok()?;
        Some(Self { value, fingerprint: endpoint::fingerprint(secret) })
    }
}

/// The host that is tried, and how.
pub(crate) struct Target<'a> {
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) credential: CredentialMode,
    /// JSON text of the model name that the host is asked for.
    pub(crate) model: &'a Bytes,
    /// JSON text of the name that the client is to read; `None` when it is the same.
    pub(crate) shown_as: Option<&'a Bytes>,
    /// Time until the first real output.
    pub(crate) first_output: Duration,
    /// No other host can follow, so the headers need not be kept.
    pub(crate) is_last: bool,
}

/// A committed answer with its head.
pub(crate) struct Success {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The id under which the host logged it.
    pub(crate) host_request_id: Option<String>,
    pub(crate) answer: Committed,
}

/// Why an attempt has no answer for the client. It holds what a host said,
/// which no log may show, so it is not `Debug`.
pub(crate) enum Failure {
    /// No answer head.
    Send(SendError),
    /// An answer that cannot be the client's.
    Unusable(Unusable),
    /// No real output in time.
    Timeout,
    /// The request cannot be put into words for this host (its URL or key).
    Unsendable,
}

/// Tries one host. Dropping the future drops the upstream request.
///
/// # Errors
/// See [`Failure`]; nothing has gone to the client then.
pub(crate) async fn attempt(
    hosts: &HostClient,
    outgoing: &mut Outgoing,
    target: &Target<'_>,
) -> Result<Success, Failure> {
    let request = build(outgoing, target).map_err(|_| Failure::Unsendable)?;
    let exchange = async {
        let answer = hosts.send(target.endpoint.allow_private(), request).await.map_err(Failure::Send)?;
        let (mut head, body) = answer.into_parts();
        let answer = commit(&mut head, body, target.shown_as).await.map_err(Failure::Unusable)?;
        let (status, headers) = (head.status, head.headers);
        let host_request_id = headers::host_request_id(&headers).map(Into::into);
        Ok(Success { status, headers, host_request_id, answer })
    };
    tokio::time::timeout(target.first_output, exchange).await.unwrap_or(Err(Failure::Timeout))
}

fn build(outgoing: &mut Outgoing, target: &Target<'_>) -> Result<Request<relay_hosts::RequestBody>, http::Error> {
    let body = splice::request(&outgoing.body, &outgoing.model_span, target.model);
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = target.endpoint.uri(&outgoing.path)?;
    let mut headers = if target.is_last { std::mem::take(&mut outgoing.headers) } else { outgoing.headers.clone() };
    headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
    let own = match target.credential {
        CredentialMode::Caller => outgoing.caller.as_ref().map(|key| &key.value),
        CredentialMode::HostKey | CredentialMode::Managed => None,
    };
    target.endpoint.authorize(&mut headers, own);
    *request.headers_mut() = headers;
    Ok(request)
}

impl Failure {
    /// The failure as the classifier sees it.
    pub(crate) fn ending(&self, now: Timestamp) -> Ending<'_> {
        match self {
            Self::Send(error) if error.not_sent() => Ending::Unreachable,
            Self::Unsendable => Ending::Unreachable,
            Self::Send(_) | Self::Unusable(Unusable::Cut) => Ending::CutShort,
            Self::Unusable(Unusable::Bad | Unusable::Redirect(_)) => Ending::Junk,
            Self::Unusable(Unusable::NoOutput) => Ending::NoOutput,
            Self::Unusable(Unusable::ErrorInStream(data)) => Ending::ErrorEvent(data),
            Self::Timeout => Ending::FirstOutputTimeout,
            Self::Unusable(Unusable::Status { status, headers, body }) => {
                let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
                Ending::Answer(AnswerHead {
                    status: status.as_u16(),
                    content_type: header("content-type").unwrap_or_default(),
                    wait: wait::from_headers(header, now),
                    body_head: Some(body),
                })
            }
        }
    }

    /// What went wrong on the way, for diagnostics.
    pub(crate) fn cause(&self) -> Option<&SendError> {
        match self {
            Self::Send(error) => Some(error),
            Self::Unusable(_) | Self::Timeout | Self::Unsendable => None,
        }
    }

    /// The status the host answered with.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Unusable(Unusable::Status { status, .. } | Unusable::Redirect(status)) => Some(status.as_u16()),
            Self::Unusable(Unusable::Bad | Unusable::NoOutput | Unusable::ErrorInStream(_)) => Some(200),
            _ => None,
        }
    }

    /// The host's own error, for the client. An error inside a 200 is the
    /// client's fault when it is relayed at all.
    pub(crate) fn into_relayed(self) -> (StatusCode, HeaderMap, Bytes) {
        match self {
            Self::Unusable(Unusable::Status { status, headers, body }) => (status, headers, body),
            Self::Unusable(Unusable::ErrorInStream(data)) => (StatusCode::BAD_REQUEST, HeaderMap::new(), data),
            _ => (StatusCode::BAD_GATEWAY, HeaderMap::new(), Bytes::new()),
        }
    }
}

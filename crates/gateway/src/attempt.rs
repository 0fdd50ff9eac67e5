//! One try at one host, up to the route commit or to the reason why there is none.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use relay_domain::{Secret, Timestamp};
use relay_health::CredentialId;
use relay_hosts::{Endpoint, HostPool, RelayRequest, SendError, endpoint};
use relay_http1::Fields;
use relay_routing::{AnswerHead, Ending, wait};
use relay_traces::Context;

use crate::buffers::Held;
use crate::coding::Takes;
use crate::commit::{Committed, Shown, Unusable, commit};
use crate::headers;
use crate::intake::Arriving;
use crate::percent;
use crate::splice::{Edit, edited};
use crate::surface::{Dialect, Mention, ModelName, renaming};

/// What is sent, whichever host it goes to.
pub(crate) struct Outgoing {
    pub(crate) dialect: &'static Dialect,
    /// The lines of the head that every host gets.
    pub(crate) lines: Bytes,
    /// The ids of a request that is traced.
    pub(crate) trace: Option<Context>,
    pub(crate) method: &'static str,
    /// Path and query.
    pub(crate) target: String,
    /// Where the path names the model.
    pub(crate) model_in_target: Option<Range<usize>>,
    /// The body, or its beginning.
    pub(crate) body: Bytes,
    /// What of the body is still coming.
    pub(crate) rest: Option<Arriving>,
    /// What the body takes of the memory for bodies.
    pub(crate) held: Held,
    /// Where the body names the model.
    pub(crate) mentions: Vec<Mention>,
    /// What makes a host tell the usage of a stream, when the client has not asked for it.
    pub(crate) ask_usage: Option<Edit>,
    /// The codings that the client takes.
    pub(crate) takes: Takes,
    /// The caller's own key, when a candidate sends it.
    pub(crate) caller: Option<CallerKey>,
}

/// The key a caller presented, as a host is to see it.
pub(crate) struct CallerKey {
    pub(crate) value: HeaderValue,
    pub(crate) fingerprint: Arc<str>,
    pub(crate) id: CredentialId,
}

impl CallerKey {
    /// `None` when it cannot be sent, or the caller is known without one.
    pub(crate) fn new(secret: &Secret) -> Option<Self> {
        if secret.expose().is_empty() {
            return None;
        }
        let value = endpoint::bearer(secret).ok()?;
        let fingerprint = endpoint::fingerprint(secret);
        Some(Self { value, id: CredentialId::of(&fingerprint), fingerprint })
    }

    /// The key itself, to be hidden where a host quotes it.
    pub(crate) fn text(&self) -> Option<&str> {
        self.value.to_str().ok()?.strip_prefix("Bearer ")
    }
}

/// The host that is tried, and how.
pub(crate) struct Target<'a> {
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) pool: &'a Arc<HostPool>,
    /// The key to send in place of the host's shared one.
    pub(crate) own_key: Option<&'a HeaderValue>,
    /// The model that the host is asked for.
    pub(crate) model: &'a ModelName,
    /// JSON text of the name that the client is to read; `None` when it is the same.
    pub(crate) shown_as: Option<&'a Bytes>,
    /// Time until the first real output.
    pub(crate) first_output: Duration,
    /// How many attempts were before.
    pub(crate) number: u32,
}

/// A committed answer with its head.
pub(crate) struct Success {
    pub(crate) status: StatusCode,
    pub(crate) fields: Fields,
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
}

/// Tries one host. Dropping the future drops the upstream request.
///
/// # Errors
/// See [`Failure`]; nothing has gone to the client then.
pub(crate) async fn attempt(outgoing: &Outgoing, target: &Target<'_>) -> Result<Success, Failure> {
    let asks_usage = outgoing.ask_usage.as_ref().filter(|_| target.endpoint.tells_usage_when_asked());
    let shown = Shown {
        dialect: outgoing.dialect,
        model: target.shown_as,
        hide_usage: asks_usage.is_some(),
        host: target.endpoint.base_url().authority().host(),
        takes: outgoing.takes,
        notes_model: outgoing.trace.is_some(),
    };
    let exchange = async {
        let mut answer = target.pool.send(request(outgoing, target, asks_usage)).await.map_err(Failure::Send)?;
        let host_request_id = headers::host_request_id(&answer.head.fields).map(Into::into);
        let (status, fields) = (answer.head.status, std::mem::take(&mut answer.head.fields));
        let status = StatusCode::from_u16(status).map_err(|_| Failure::Unusable(Unusable::Bad))?;
        let answer =
            commit(status, &fields, answer, shown, outgoing.held.nothing_yet()).await.map_err(Failure::Unusable)?;
        Ok(Success { status, fields, host_request_id, answer })
    };
    let done = match &outgoing.rest {
        None => tokio::time::timeout(target.first_output, exchange).await.ok(),
        Some(arriving) => arriving.within(target.first_output, exchange).await,
    };
    done.unwrap_or(Err(Failure::Timeout))
}

impl Outgoing {
    /// What of the time that an attempt took was its host's.
    pub(crate) fn time_of_host(&self, took: Duration) -> Duration {
        self.rest.as_ref().map_or(took, |arriving| arriving.time_of_host(took))
    }

    /// Path and query with this model in them, where they name one.
    fn target_naming(&self, model: &ModelName) -> Cow<'_, str> {
        match &self.model_in_target {
            Some(place) if *percent::decode(&self.target[place.clone()]) != *model.text => {
                let mut target = String::with_capacity(self.target.len() + model.text.len());
                target.push_str(&self.target[..place.start]);
                percent::encode(&model.text, &mut target);
                target.push_str(&self.target[place.end..]);
                target.into()
            }
            _ => Cow::Borrowed(&self.target),
        }
    }
}

fn request(outgoing: &Outgoing, target: &Target<'_>, asks_usage: Option<&Edit>) -> RelayRequest {
    let mut edits = renaming(&outgoing.body, &outgoing.mentions, target.model);
    edits.extend(asks_usage.cloned());
    let body = edited(&outgoing.body, edits);
    let mut head = target.endpoint.begin(outgoing.method, &outgoing.target_naming(target.model), target.own_key);
    head.lines(&outgoing.lines);
    if let Some(trace) = &outgoing.trace {
        head.field("traceparent", trace.told_by_child(target.number).to_string());
    }
    let length = body.iter().map(Bytes::len).sum::<usize>() as u64;
    let head = match &outgoing.rest {
        None => head.finish(length),
        Some(arriving) => match arriving.length() {
            Some(rest) => head.finish(length + rest),
            None => head.finish_chunked(),
        },
    };
    RelayRequest { head, body, rest: outgoing.rest.as_ref().map(Arriving::rest) }
}

impl Failure {
    /// The failure as the classifier sees it.
    pub(crate) fn ending(&self, now: Timestamp) -> Ending<'_> {
        match self {
            Self::Send(SendError::PrivateAddress) => Ending::Unsendable,
            Self::Send(error) if error.not_sent() => Ending::Unreachable,
            Self::Send(SendError::Junk(_)) | Self::Unusable(Unusable::Bad) => Ending::Junk,
            Self::Send(_) | Self::Unusable(Unusable::Cut) => Ending::CutShort,
            Self::Unusable(Unusable::Redirect(status)) => Ending::Redirect(status.as_u16()),
            Self::Unusable(Unusable::NoOutput) => Ending::NoOutput,
            Self::Unusable(Unusable::ErrorInStream(data)) => Ending::ErrorEvent(data),
            Self::Timeout => Ending::FirstOutputTimeout,
            Self::Unusable(Unusable::Status { status, fields, body }) => Ending::Answer(AnswerHead {
                status: status.as_u16(),
                content_type: fields.text("content-type").unwrap_or_default(),
                wait: wait::from_headers(|name| fields.text(name), now),
                body_head: Some(body),
            }),
        }
    }

    /// What went wrong on the way, for diagnostics.
    pub(crate) fn cause(&self) -> Option<&SendError> {
        match self {
            Self::Send(error) => Some(error),
            Self::Unusable(_) | Self::Timeout => None,
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
    pub(crate) fn into_relayed(self) -> (StatusCode, Fields, Bytes) {
        match self {
            Self::Unusable(Unusable::Status { status, fields, body }) => (status, fields, body),
            Self::Unusable(Unusable::ErrorInStream(data)) => (StatusCode::BAD_REQUEST, Fields::default(), data),
            _ => (StatusCode::BAD_GATEWAY, Fields::default(), Bytes::new()),
        }
    }
}

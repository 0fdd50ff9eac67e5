//! The route commit (spec §5): the point up to which another host may still
//! answer. A stream is committed by its first real output, any other answer
//! when it has been read and checked whole.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use http::response::Parts;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use relay_ledger::Usage;

use crate::chat::{self, Meaning};
use crate::events::Events;
use crate::headers;
use crate::options::{MAX_ERROR_ANSWER, MAX_START_FRAMES, MAX_WHOLE_ANSWER};
use crate::splice;
use crate::sse;
use crate::stream::{Then, take_events};

/// An answer that will be the client's.
pub(crate) enum Committed {
    Stream(CommittedStream),
    Whole {
        body: Bytes,
        usage: Option<Usage>,
    },
    /// Too large to be checked whole: what was read, and the rest as it comes.
    Raw {
        head: Bytes,
        upstream: Incoming,
    },
}

/// A stream with output.
pub(crate) struct CommittedStream {
    pub(crate) upstream: Incoming,
    pub(crate) events: Events,
    pub(crate) ready: VecDeque<Bytes>,
    pub(crate) then: Then,
}

/// Why an answer is not committed. It holds what a host said, which no log may
/// show, so it is not `Debug`.
pub(crate) enum Unusable {
    /// The host answered with an error status.
    Status { status: StatusCode, headers: HeaderMap, body: Bytes },
    /// A redirect; never followed.
    Redirect(StatusCode),
    /// HTML, empty or unparsable.
    Bad,
    /// Reset, or ended before it was whole.
    Cut,
    /// The first event is an error; its data, for the classifier.
    ErrorInStream(Bytes),
    /// A stream that ended without any output.
    NoOutput,
}

/// Reads an answer up to its commit.
///
/// # Errors
/// See [`Unusable`]; nothing of such an answer has gone to the client.
pub(crate) async fn commit(
    head: &mut Parts,
    body: Incoming,
    public_model: Option<&Bytes>,
) -> Result<Committed, Unusable> {
    if head.status.is_redirection() || head.status.is_informational() {
        return Err(Unusable::Redirect(head.status));
    }
    if !head.status.is_success() {
        let body = read_up_to(body, MAX_ERROR_ANSWER).await.map_or_else(|_| Bytes::new(), |(read, _)| read);
        return Err(Unusable::Status { status: head.status, headers: std::mem::take(&mut head.headers), body });
    }
    if headers::is_html(&head.headers) {
        return Err(Unusable::Bad);
    }
    if headers::is_event_stream(&head.headers) {
        return commit_stream(body, Events::new(public_model.cloned())).await.map(Committed::Stream);
    }
    commit_whole(body, public_model).await
}

async fn commit_stream(mut upstream: Incoming, mut events: Events) -> Result<CommittedStream, Unusable> {
    let mut ready = VecDeque::new();
    let mut held = 0;
    loop {
        let Some(frame) = upstream.frame().await else { return Err(ended_early(&mut events)) };
        let Ok(data) = frame.map_err(|_| Unusable::Cut)?.into_data() else { continue };
        events.push(data);
        while let Some(event) = events.next_event() {
            let output = match event.meaning {
                Meaning::Error => return Err(Unusable::ErrorInStream(data_of(&event.bytes))),
                Meaning::Terminal => return Err(Unusable::NoOutput),
                Meaning::Junk => return Err(Unusable::Bad),
                Meaning::Output => true,
                Meaning::Start => false,
            };
            held += event.bytes.len();
            ready.push_back(event.bytes);
            if output || held > MAX_START_FRAMES {
                let then = take_events(&mut events, &mut ready);
                return Ok(CommittedStream { upstream, events, ready, then });
            }
        }
    }
}

/// The stream ended before any output; what is left may still be its error.
fn ended_early(events: &mut Events) -> Unusable {
    match events.take_last() {
        Some(event) if event.meaning == Meaning::Error => Unusable::ErrorInStream(data_of(&event.bytes)),
        _ => Unusable::NoOutput,
    }
}

fn data_of(event: &[u8]) -> Bytes {
    Bytes::copy_from_slice(&sse::fields(event).data.unwrap_or_default())
}

async fn commit_whole(body: Incoming, public_model: Option<&Bytes>) -> Result<Committed, Unusable> {
    let (body, rest) = read_up_to(body, MAX_WHOLE_ANSWER).await.map_err(|_| Unusable::Cut)?;
    if let Some(upstream) = rest {
        let head = match (public_model, chat::model_in_head(&body)) {
            (Some(public), Some(span)) => splice::answer(&body, &span, public),
            _ => body,
        };
        return Ok(Committed::Raw { head, upstream });
    }
    let answer = chat::read_whole(&body).ok_or(Unusable::Bad)?;
    if answer.is_error {
        return Err(Unusable::ErrorInStream(body));
    }
    let body = match (public_model, &answer.model) {
        (Some(public), Some(span)) => splice::answer(&body, span, public),
        _ => body,
    };
    Ok(Committed::Whole { body, usage: answer.usage })
}

/// Reads a body until it ends or `limit` is reached; in the latter case the rest is handed back.
async fn read_up_to(mut body: Incoming, limit: usize) -> Result<(Bytes, Option<Incoming>), hyper::Error> {
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        if first.is_empty() && all.is_empty() {
            first = data;
            continue;
        }
        if all.is_empty() {
            all.extend_from_slice(&std::mem::take(&mut first));
        }
        all.extend_from_slice(&data);
        if all.len() > limit {
            return Ok((all.freeze(), Some(body)));
        }
    }
    Ok((if all.is_empty() { first } else { all.freeze() }, None))
}

impl Committed {
    /// The usage known so far.
    pub(crate) fn usage(&self) -> Option<Usage> {
        match self {
            Self::Whole { usage, .. } => *usage,
            Self::Stream(stream) => stream.events.usage(),
            Self::Raw { .. } => None,
        }
    }
}

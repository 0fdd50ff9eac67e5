//! The route commit (spec §5): the point up to which another host may still
//! answer. A stream is committed by its first real output, any other answer
//! when it has been read and checked whole.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use relay_hosts::Answer;
use relay_http1::Fields;
use relay_ledger::Usage;

use crate::buffers::Held;
use crate::coding::{Coding, Takes};
use crate::headers;
use crate::host_body::{Broken, HostBody};
use crate::lanes::reading;
use crate::options::{MAX_ERROR_ANSWER, MAX_START_FRAMES, MAX_WHOLE_ANSWER};
use crate::splice::{self, Edit};
use crate::stream::{Relaying, Then, take_events};
use crate::surface::{Dialect, Event, Events, Meaning, UsageTail, data_of_event};

/// How an answer is to be shown to the client.
#[derive(Clone, Copy)]
pub(crate) struct Shown<'a> {
    pub(crate) dialect: &'static Dialect,
    /// JSON text of the model's public name, when the host knows it by another.
    pub(crate) model: Option<&'a Bytes>,
    /// The usage chunk of a stream was asked for by us alone.
    pub(crate) hide_usage: bool,
    /// The host's name, which no client is to read.
    pub(crate) host: &'a str,
    /// The codings that the client takes.
    pub(crate) takes: Takes,
    /// Whether anybody wants to know the model that the host tells.
    pub(crate) notes_model: bool,
}

/// An answer that will be the client's.
pub(crate) enum Committed {
    Stream(Box<Relaying>),
    Whole {
        body: Bytes,
        usage: Option<Usage>,
        /// The coding of `body`.
        coding: Coding,
        /// The id of the response, where clients can go on from it.
        response_id: Option<String>,
        /// The model that the host tells, as JSON text, if it was to be noted.
        told_model: Option<Bytes>,
        /// What the body takes of the memory for bodies.
        _held: Held,
    },
    /// Too large to be checked whole, or there is no memory for it: what was read, and the rest as it comes.
    Raw {
        head: Bytes,
        upstream: HostBody,
        /// Finds the usage at its end.
        tail: UsageTail,
    },
}

/// Why an answer is not committed. It holds what a host said, which no log may
/// show, so it is not `Debug`.
pub(crate) enum Unusable {
    /// The host answered with an error status.
    Status { status: StatusCode, fields: Fields, body: Bytes },
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

impl From<Broken> for Unusable {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Cut => Self::Cut,
            Broken::Junk => Self::Bad,
        }
    }
}

/// Reads an answer up to its commit.
///
/// # Errors
/// See [`Unusable`]; nothing of such an answer has gone to the client.
pub(crate) async fn commit(
    status: StatusCode,
    fields: &Fields,
    answer: Answer,
    shown: Shown<'_>,
    held: Held,
) -> Result<Committed, Unusable> {
    let coding = Coding::of(fields);
    if status.is_redirection() {
        return Err(Unusable::Redirect(status));
    }
    if !status.is_success() {
        let body = error_body(answer, coding.unwrap_or(Coding::Identity)).await;
        return Err(Unusable::Status { status, fields: fields.clone(), body });
    }
    let coding = coding.map_err(|_| Unusable::Bad)?;
    if headers::is_html(fields) {
        return Err(Unusable::Bad);
    }
    if headers::is_event_stream(fields) {
        let events = Events::new(shown.dialect, shown.model.cloned(), shown.hide_usage).hiding(shown.host);
        let events = events.noting_model(shown.notes_model);
        return commit_stream(HostBody::decoded(answer, coding), events, held).await;
    }
    let passes = shown.model.is_none() && shown.takes.has(coding);
    let upstream = if passes { HostBody::as_it_is(answer, coding) } else { HostBody::decoded(answer, coding) };
    commit_whole(upstream, shown, held).await
}

/// As much of an error's body as there is; one that breaks off says nothing.
async fn error_body(answer: Answer, coding: Coding) -> Bytes {
    let mut upstream = HostBody::decoded(answer, coding);
    let mut body = Gathered::default();
    while body.len() <= MAX_ERROR_ANSWER {
        match upstream.next().await {
            Ok(Some(piece)) => body.push(piece.read),
            Ok(None) => {
                upstream.done();
                return body.finish();
            }
            Err(_) => return Bytes::new(),
        }
    }
    body.finish()
}

async fn commit_stream(mut upstream: HostBody, mut events: Events, mut held: Held) -> Result<Committed, Unusable> {
    let mut ready = VecDeque::new();
    let mut held_back = 0;
    loop {
        let Some(piece) = upstream.next().await? else { return Err(ended_early(&mut events)) };
        events.push(piece.read);
        while let Some(event) = events.next_event() {
            let output = match event.meaning {
                Meaning::Error | Meaning::Failed => {
                    return Err(Unusable::ErrorInStream(data_of_event(&event.bytes)));
                }
                Meaning::Terminal => return Err(Unusable::NoOutput),
                Meaning::Junk => return Err(Unusable::Bad),
                Meaning::Output | Meaning::TerminalOutput => true,
                Meaning::Start => false,
            };
            held_back += event.bytes.len();
            ready.push_back(event.bytes);
            if output || held_back > MAX_START_FRAMES {
                let ends = event.meaning == Meaning::TerminalOutput;
                let then = if ends { Then::Done } else { take_events(&mut events, &mut ready) };
                return Ok(Committed::Stream(Box::new(Relaying { upstream, events, ready, then, held })));
            }
        }
        // What is full is told to those who come.
        held.fits(events.pending() + held_back);
    }
}

/// The stream ended before any output; what is left may still be its error.
fn ended_early(events: &mut Events) -> Unusable {
    match events.take_last() {
        Some(Event { bytes, meaning: Meaning::Error | Meaning::Failed }) => {
            Unusable::ErrorInStream(data_of_event(&bytes))
        }
        _ => Unusable::NoOutput,
    }
}

/// A body that is gathered. Mostly it comes in one piece, and is not copied then.
#[derive(Default)]
struct Gathered {
    first: Bytes,
    all: BytesMut,
}

impl Gathered {
    fn push(&mut self, piece: Bytes) {
        if self.len() == 0 {
            self.first = piece;
            return;
        }
        if self.all.is_empty() {
            self.all.extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.all.extend_from_slice(&piece);
    }

    fn len(&self) -> usize {
        self.first.len() + self.all.len()
    }

    fn finish(self) -> Bytes {
        if self.all.is_empty() { self.first } else { self.all.freeze() }
    }
}

async fn commit_whole(mut upstream: HostBody, shown: Shown<'_>, mut held: Held) -> Result<Committed, Unusable> {
    let coding = upstream.shown_coding();
    let mut body = Gathered::default();
    let mut encoded = Gathered::default();
    while let Some(piece) = upstream.next().await? {
        body.push(piece.read);
        if coding != Coding::Identity {
            encoded.push(piece.sent);
        }
        let is_too_large = body.len().max(encoded.len()) > MAX_WHOLE_ANSWER;
        if is_too_large || !held.fits(body.len() + encoded.len()) {
            let body = body.finish();
            let mut tail = UsageTail::new(shown.dialect);
            tail.push(&body);
            let head = if coding == Coding::Identity { renamed(body, shown) } else { encoded.finish() };
            return Ok(Committed::Raw { head, upstream, tail });
        }
    }
    upstream.done();
    let body = body.finish();
    reading(body.len(), || whole(shown, body, encoded, coding, held))
}

/// What is told of a whole answer.
fn whole(shown: Shown<'_>, body: Bytes, encoded: Gathered, coding: Coding, held: Held) -> Result<Committed, Unusable> {
    let read = shown.dialect.whole(&body).ok_or(Unusable::Bad)?;
    if read.meaning == Meaning::Error {
        return Err(Unusable::ErrorInStream(body));
    }
    let told_model = read.model.clone().filter(|_| shown.notes_model).map(|span| body.slice(span));
    let body = match (shown.model, &read.model) {
        _ if coding != Coding::Identity => encoded.finish(),
        (Some(public), Some(span)) if read.more_models.is_empty() => splice::answer(&body, span, public),
        (Some(public), Some(span)) => {
            let places = std::iter::once(span).chain(&read.more_models);
            let edits = places.map(|place| Edit { place: place.clone(), text: public.clone() }).collect();
            splice::edited(&body, edits).concat().into()
        }
        _ => body,
    };
    let usage = read.counts.and_then(|counts| counts.usage());
    Ok(Committed::Whole { body, usage, coding, response_id: read.response_id, told_model, _held: held })
}

/// The beginning of a large answer with the model's public name in it.
fn renamed(head: Bytes, shown: Shown<'_>) -> Bytes {
    match (shown.model, shown.dialect.model_in_head(&head)) {
        (Some(public), Some(span)) => splice::answer(&head, &span, public),
        _ => head,
    }
}

impl Committed {
    /// The id of the response that is being made, where clients can go on from it.
    pub(crate) fn response_id(&self) -> Option<&str> {
        match self {
            Self::Whole { response_id, .. } => response_id.as_deref(),
            Self::Stream(relaying) => relaying.events.response_id(),
            Self::Raw { .. } => None,
        }
    }

    /// The model that the host tells, as JSON text, if it was to be noted.
    pub(crate) fn told_model(&self) -> Option<&Bytes> {
        match self {
            Self::Whole { told_model, .. } => told_model.as_ref(),
            Self::Stream(relaying) => relaying.events.told_model(),
            Self::Raw { .. } => None,
        }
    }

    /// The usage known so far.
    pub(crate) fn usage(&self) -> Option<Usage> {
        match self {
            Self::Whole { usage, .. } => *usage,
            Self::Stream(relaying) => relaying.events.usage(),
            Self::Raw { .. } => None,
        }
    }
}

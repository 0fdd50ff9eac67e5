//! A reply: a small script of steps that a host follows for one request.
//!
//! A reply starts from a constructor (what is said), gets parts of a stream in the order of the calls, and is then shaped: held, paced,
//! cut, respelled, re-chunked. It becomes bytes only when a request is there, because the surface, `stream` and the model come from it.

mod answer;
mod chat;
mod embeddings;
mod gemini;
mod gzip;
mod messages;
mod parts;
mod render;
mod responses;
mod shaping;
mod sse;

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

pub use self::answer::{Answer, Usage};
pub(crate) use self::answer::{CREATED, Facts};
pub(crate) use self::render::{Pause, Rendered, Step};
use self::sse::Spelling;
use crate::errors::{self, HostError};
use crate::gate::Gate;

/// How a host ends a connection in the middle of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The body ends as if it were whole: last chunk sent, connection reusable. Only the missing terminal event tells.
    Clean,
    /// The connection is closed without the last chunk, or short of the announced length.
    Eof,
    /// The connection is reset.
    Reset,
    /// Not at all: it stays open, and nothing more comes until the peer leaves.
    Hang,
}

/// What a host answers to one request. See the module for how it is put together.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(crate) kind: Kind,
    pub(crate) parts: Vec<Part>,
    pub(crate) status: Option<u16>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) before_head: Vec<Pause>,
    pub(crate) interrupts: Vec<(usize, Interrupt)>,
    pub(crate) pace: Option<Duration>,
    pub(crate) spelling: Spelling,
    pub(crate) shape: Shape,
    pub(crate) coding: Coding,
    pub(crate) upstream_request_id: Option<String>,
    pub(crate) before_body: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// JSON or SSE, as the request asks.
    Follow,
    /// SSE whatever the request asks.
    Stream,
    /// One of the host's errors, in the surface's shape.
    Error(HostError),
    Fixed {
        content_type: String,
        body: Bytes,
    },
    /// Bytes instead of an HTTP answer, then the end of the connection.
    Wire {
        bytes: Bytes,
        cut: Cut,
    },
}

#[derive(Clone, Debug)]
pub(crate) enum Part {
    Answer(Answer),
    QueuePings { count: usize, every: Duration },
    KeepAlive,
    Comment(String),
    Raw(String),
    Event(sse::Event),
    InBand(HostError),
    Gate(Gate),
    Wait(Duration),
    Forever { text: String, every: Duration },
}

#[derive(Clone, Debug)]
pub(crate) enum Interrupt {
    Cut(Cut),
    Error(HostError),
    Gate(Gate),
    Stall,
    KeepAlives { count: usize, every: Duration },
}

#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent deviations, each on or off")]
pub(crate) struct Shape {
    pub(crate) chunk_bytes: Option<usize>,
    pub(crate) split_utf8: bool,
    pub(crate) comments: bool,
    pub(crate) no_final_blank_line: bool,
    pub(crate) byte_order_mark: bool,
    pub(crate) cut_bytes: Option<(usize, Cut)>,
    pub(crate) in_one_write: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) enum Coding {
    #[default]
    Plain,
    Labelled(String),
    Gzip,
}

/// What the host says.
impl Reply {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            parts: Vec::new(),
            status: None,
            headers: Vec::new(),
            before_head: Vec::new(),
            interrupts: Vec::new(),
            pace: None,
            spelling: Spelling::default(),
            shape: Shape::default(),
            coding: Coding::default(),
            upstream_request_id: None,
            before_body: false,
        }
    }

    /// A text, in the shape of whatever surface is called: streamed when the request asks for it, else JSON. `{host}`, `{model}`,
    /// `{number}` (of the request on the host) and `{prompt}` (the last user message) in it are replaced.
    pub fn chat(text: impl Into<String>) -> Self {
        Self::new(Kind::Follow).text(text)
    }

    /// What a host answers when nothing is scripted: its name and the prompt, so that mixed-up answers show.
    pub fn echo() -> Self {
        Self::chat("{host} says: {prompt}")
    }

    /// A plausible short answer naming the host, for demonstrations.
    pub fn small_talk() -> Self {
        Self::chat(
            "Hello! This is the simulated host {host}, answering as {model}. You asked: \u{201c}{prompt}\u{201d}. \
             A real host would think about it; I only stream these words one by one, so that you can watch them pass.",
        )
    }

    /// An answer of about `bytes` bytes of text.
    pub fn big(bytes: usize) -> Self {
        let line = "All work and no play makes a long answer. ";
        Self::chat(line.repeat(bytes.div_ceil(line.len())))
    }

    /// An empty stream, to which parts are added; SSE even when the request did not ask for it.
    pub fn stream() -> Self {
        Self::new(Kind::Stream)
    }

    /// One of the errors of [`crate::errors`], in the shape of the path that was called.
    pub fn error(error: HostError) -> Self {
        Self::new(Kind::Error(error))
    }

    /// The upstream's 429, with or without a `Retry-After` (seconds or an HTTP date).
    pub fn rate_limited(retry_after: Option<&str>) -> Self {
        let error = errors::UPSTREAM_RATE_LIMITED;
        Self::error(match retry_after {
            Some(value) => error.with_retry_after(value.to_owned()),
            None => error,
        })
    }

    /// A JSON document, 200 unless [`Reply::status`] says otherwise.
    pub fn json(value: &Value) -> Self {
        Self::raw("application/json; charset=utf-8", value.to_string())
    }

    /// Any body.
    pub fn raw(content_type: &str, body: impl Into<Bytes>) -> Self {
        Self::new(Kind::Fixed { content_type: content_type.to_owned(), body: body.into() })
    }

    /// The web page, as 200: what a host answers outside its prefixes, and a captive portal or a tunnel's error page everywhere.
    pub fn html() -> Self {
        let page = "<!doctype html>\n<html lang=\"en\">\n<head><title>Sub2API</title></head>\n\
                    <body><div id=\"app\"></div></body>\n</html>\n";
        Self::raw("text/html; charset=utf-8", page)
    }

    /// Head and no body.
    pub fn empty(status: u16) -> Self {
        Self::raw("", Bytes::new()).status(status)
    }

    /// A redirect, which a relay must not follow.
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::raw("text/html; charset=utf-8", "<a href=\"/\">Found</a>.\n\n")
            .status(status)
            .header("Location", location)
    }

    /// Bytes on the socket instead of an HTTP answer, then what [`Reply::raw_text`], [`Reply::gate`], [`Reply::wait`] and
    /// [`Reply::forever`] add; then the connection ends. `Cut::Clean` closes as `Cut::Eof` does.
    pub fn wire(bytes: impl Into<Bytes>, cut: Cut) -> Self {
        Self::new(Kind::Wire { bytes: bytes.into(), cut })
    }

    /// The request is read and the connection reset without an answer.
    pub fn reset_before_head() -> Self {
        Self::wire(Bytes::new(), Cut::Reset)
    }

    /// The request is read and the connection closed without an answer.
    pub fn close_before_head() -> Self {
        Self::wire(Bytes::new(), Cut::Eof)
    }

    /// The request is read and never answered.
    pub fn silence() -> Self {
        Self::chat("").hold(&Gate::new())
    }
}

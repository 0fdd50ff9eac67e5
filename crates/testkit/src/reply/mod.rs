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
mod render;
mod responses;
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

/// Parts of a stream, sent in the order of these calls. A reply that is not streamed says its answer and skips the rest.
impl Reply {
    /// A whole answer, terminal event included.
    #[must_use]
    pub fn text(self, text: impl Into<String>) -> Self {
        self.part(Part::Answer(Answer { text: text.into(), ..Answer::default() }))
    }

    /// Pings of a request that queues, in the host's form for this path; nothing where the host sends none. They come before the answer,
    /// wherever this is called, because queueing does.
    #[must_use]
    pub fn pings(mut self, count: usize, every: Duration) -> Self {
        let place = self.parts.iter().position(|part| matches!(part, Part::Answer(_))).unwrap_or(self.parts.len());
        self.parts.insert(place, Part::QueuePings { count, every });
        self
    }

    /// One keep-alive of a silent upstream, in the host's form for this path.
    #[must_use]
    pub fn keep_alive(self) -> Self {
        self.part(Part::KeepAlive)
    }

    /// A comment: `: text` and a blank line.
    #[must_use]
    pub fn comment(self, text: impl Into<String>) -> Self {
        self.part(Part::Comment(text.into()))
    }

    /// One event without a name.
    #[must_use]
    pub fn data(self, data: impl Into<String>) -> Self {
        self.part(Part::Event(sse::Event::data(data)))
    }

    /// One event with a name.
    #[must_use]
    pub fn event(self, name: &'static str, data: impl Into<String>) -> Self {
        self.part(Part::Event(sse::Event::named(name, data)))
    }

    /// Text put on the stream as it is.
    #[must_use]
    pub fn raw_text(self, text: impl Into<String>) -> Self {
        self.part(Part::Raw(text.into()))
    }

    /// An error told inside the 200, in the host's form for this path while it queued. Nothing follows unless parts are added.
    #[must_use]
    pub fn error_in_band(self, error: HostError) -> Self {
        self.part(Part::InBand(error))
    }

    /// Waits for the gate at this place of the stream.
    #[must_use]
    pub fn gate(self, gate: &Gate) -> Self {
        self.part(Part::Gate(gate.clone()))
    }

    /// Waits for a time at this place of the stream. For demonstrations; a test has [`Reply::gate`].
    #[must_use]
    pub fn wait(self, time: Duration) -> Self {
        self.part(Part::Wait(time))
    }

    /// Text put on the stream again and again, after a time each, until the peer leaves.
    #[must_use]
    pub fn forever(self, text: impl Into<String>, every: Duration) -> Self {
        self.part(Part::Forever { text: text.into(), every })
    }

    fn part(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }
}

/// What the last answer of the reply says besides its text.
impl Reply {
    fn edit_answer(mut self, edit: impl FnOnce(&mut Answer)) -> Self {
        let answer = self.parts.iter_mut().rev().find_map(|part| match part {
            Part::Answer(answer) => Some(answer),
            _ => None,
        });
        match answer {
            Some(answer) => edit(answer),
            None => panic!("this reply has no answer that could be changed: add `.text(…)` first"),
        }
        self
    }

    /// A tool call after the text. Arguments are JSON text and are streamed in pieces.
    #[must_use]
    pub fn tool_call(self, name: &str, arguments: &str) -> Self {
        self.edit_answer(|answer| answer.tools.push((name.to_owned(), arguments.to_owned())))
    }

    /// These counts instead of counted words.
    #[must_use]
    pub fn usage(self, usage: Usage) -> Self {
        self.edit_answer(|answer| answer.usage = Some(usage))
    }

    /// No usage at all, also when it was asked for.
    #[must_use]
    pub fn without_usage(self) -> Self {
        self.edit_answer(|answer| answer.without_usage = true)
    }

    /// The usage chunk of chat completions even when it was not asked for.
    #[must_use]
    pub fn usage_unasked(self) -> Self {
        self.edit_answer(|answer| answer.usage_unasked = true)
    }

    /// Another model name than the requested one.
    #[must_use]
    pub fn model(self, model: &str) -> Self {
        self.edit_answer(|answer| answer.model = Some(model.to_owned()))
    }

    /// Another finish or stop reason.
    #[must_use]
    pub fn finish_reason(self, reason: &str) -> Self {
        self.edit_answer(|answer| answer.finish_reason = Some(reason.to_owned()))
    }

    /// Without `[DONE]`, `message_stop`, `response.completed`.
    #[must_use]
    pub fn without_terminal(self) -> Self {
        self.edit_answer(|answer| answer.without_terminal = true)
    }
}

/// Head and timing.
impl Reply {
    /// The status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// One more header; a repeated name gives two lines. `Content-Type` and `Content-Length` replace what the host would send.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Headers that a relay must not show to its consumers.
    #[must_use]
    pub fn leaky_headers(self) -> Self {
        self.header("Server", "secret-host/1.0")
            .header("Set-Cookie", "session=secret-host; Path=/")
            .header("Set-Cookie", "other=secret-host")
            .header("Location", "http://secret-host.internal/v1")
            .header("Via", "1.1 secret-host")
            .header("X-Relay-Host", "secret-host")
    }

    /// An `x-request-id` of the upstream: on `[N]` it replaces the host's own on streams of messages and stands
    /// as a second line beside it otherwise.
    #[must_use]
    pub fn upstream_request_id(mut self, id: &str) -> Self {
        self.upstream_request_id = Some(id.to_owned());
        self
    }

    /// Sends nothing, not even the head, until the gate opens.
    #[must_use]
    pub fn hold(mut self, gate: &Gate) -> Self {
        self.before_head.push(Pause::Gate(gate.clone()));
        self
    }

    /// Sends nothing for a time. For demonstrations; a test has [`Reply::hold`].
    #[must_use]
    pub fn slow_first_byte(mut self, time: Duration) -> Self {
        self.before_head.push(Pause::Time(time));
        self
    }

    /// Answers without reading the request's body.
    #[must_use]
    pub fn before_body(mut self) -> Self {
        self.before_body = true;
        self
    }

    /// A time between events: the interval at which words appear.
    #[must_use]
    pub fn pace(mut self, interval: Duration) -> Self {
        self.pace = Some(interval);
        self
    }
}

/// Interruptions, counted in data events already sent (pings and comments do not count; a body that is not a stream is one event).
impl Reply {
    /// Ends after `events` events.
    #[must_use]
    pub fn truncate_after(self, events: usize, cut: Cut) -> Self {
        self.interrupt(events, Interrupt::Cut(cut))
    }

    /// Tells an error after `events` events, in the host's mid-stream form, and ends cleanly without a terminal event.
    #[must_use]
    pub fn error_after(self, events: usize, error: HostError) -> Self {
        self.interrupt(events, Interrupt::Error(error))
    }

    /// Waits for the gate after `events` events; 0 is after the head.
    #[must_use]
    pub fn hold_after(self, events: usize, gate: &Gate) -> Self {
        self.interrupt(events, Interrupt::Gate(gate.clone()))
    }

    /// Sends nothing more after `events` events and keeps the connection.
    #[must_use]
    pub fn stall_after(self, events: usize) -> Self {
        self.interrupt(events, Interrupt::Stall)
    }

    /// Keep-alives of a silent upstream after `events` events.
    #[must_use]
    pub fn keep_alives_after(self, events: usize, count: usize, every: Duration) -> Self {
        self.interrupt(events, Interrupt::KeepAlives { count, every })
    }

    fn interrupt(mut self, events: usize, interrupt: Interrupt) -> Self {
        self.interrupts.push((events, interrupt));
        self
    }
}

/// The bytes.
impl Reply {
    /// Ends after `bytes` bytes of the body, in the middle of whatever is there.
    #[must_use]
    pub fn truncate_bytes(mut self, bytes: usize, cut: Cut) -> Self {
        self.shape.cut_bytes = Some((bytes, cut));
        self
    }

    /// The body in writes of this many bytes.
    #[must_use]
    pub fn chunk_bytes(mut self, bytes: usize) -> Self {
        self.shape.chunk_bytes = Some(bytes.max(1));
        self
    }

    /// All that is not separated by a pause in one write: many events in one chunk.
    #[must_use]
    pub fn in_one_write(mut self) -> Self {
        self.shape.in_one_write = true;
        self
    }

    /// A write ends inside every character that is longer than a byte.
    #[must_use]
    pub fn split_utf8(mut self) -> Self {
        self.shape.split_utf8 = true;
        self
    }

    /// CR LF line ends.
    #[must_use]
    pub fn crlf(mut self) -> Self {
        self.spelling.crlf = true;
        self
    }

    /// `data:x` instead of `data: x`.
    #[must_use]
    pub fn data_without_space(mut self) -> Self {
        self.spelling.no_space = true;
        self
    }

    /// JSON data over several `data:` lines.
    #[must_use]
    pub fn multi_line_data(mut self) -> Self {
        self.spelling.multi_line = true;
        self
    }

    /// Without `event:` lines.
    #[must_use]
    pub fn without_event_lines(mut self) -> Self {
        self.spelling.no_event_lines = true;
        self
    }

    /// A comment before every event.
    #[must_use]
    pub fn comments(mut self) -> Self {
        self.shape.comments = true;
        self
    }

    /// The last event without its blank line.
    #[must_use]
    pub fn no_final_blank_line(mut self) -> Self {
        self.shape.no_final_blank_line = true;
        self
    }

    /// A byte order mark at the start of the body.
    #[must_use]
    pub fn byte_order_mark(mut self) -> Self {
        self.shape.byte_order_mark = true;
        self
    }

    /// `Content-Encoding: <coding>` on a body that is not encoded.
    #[must_use]
    pub fn labelled(mut self, coding: &str) -> Self {
        self.coding = Coding::Labelled(coding.to_owned());
        self
    }

    /// A body that really is gzip, and says so. A stream becomes one write between pauses.
    #[must_use]
    pub fn gzip(mut self) -> Self {
        self.coding = Coding::Gzip;
        self
    }
}

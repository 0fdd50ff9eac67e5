//! What each API surface looks like on the wire (spec §6), as pure code: no IO,
//! no clock, no state but that of one stream.
//!
//! A surface is a [`Dialect`]: one value that says how its requests, answers and
//! errors are written. The one path of a request through the gateway asks the
//! dialect and never which surface it is, so how a surface is written is said here and nowhere
//! else. Beside it stand its name (`relay_routing::Surface`) and what belongs to no call (the lists of models). `docs/surfaces.md` says the same for those who call.
//!
//! Nothing is re-serialized: what is read is borrowed from the bytes, and what
//! changes is told as places in them ([`crate::splice`]).

mod call;
mod chat_completions;
mod counts;
mod embeddings;
mod envelope;
mod error_shape;
mod events;
mod form;
mod gemini;
mod images;
mod members;
mod messages;
mod multipart;
mod naming;
mod parameters;
mod reading;
mod responses;
mod sse;
mod stable_prefix;
#[cfg(test)]
pub(crate) mod testing;
mod usage;
mod usage_tail;
mod whole;

use bytes::Bytes;

pub(crate) use call::{Call, Framing, Request, RequestLine, WrongMethod};
pub(crate) use counts::Counts;
pub(crate) use envelope::{Envelope, EnvelopeError, StoredResponse};
pub(crate) use error_shape::{ErrorShape, Told};
pub(crate) use events::{Event, Events};
pub(crate) use form::Form;
pub(crate) use naming::{Mention, ModelName, renaming};
pub(crate) use reading::Meaning;
use reading::Said;
pub(crate) use sse::data_of_event;
pub(crate) use usage_tail::UsageTail;

/// One surface. Its functions read bytes and say what they mean; each stands
/// with its reasons in the surface's own file.
#[derive(Debug)]
pub(crate) struct Dialect {
    /// Its name in plans and records.
    pub(crate) surface: relay_routing::Surface,
    /// The call that a request is, if its path is of this surface.
    recognize: fn(RequestLine<'_>) -> Option<Result<Call, WrongMethod>>,
    /// Its requests may be forms.
    takes_forms: bool,
    /// Reads the facts of a request.
    read_request: fn(Request<'_>) -> Result<Envelope, EnvelopeError>,
    /// Reads the data of one event; `None` when it is not of the surface's shape.
    read_event: for<'d> fn(&'d [u8]) -> Option<Said<'d>>,
    /// Reads a whole (not streamed) answer; `None` when it is none.
    read_whole: for<'d> fn(&'d [u8]) -> Option<Said<'d>>,
    /// The member of a whole answer that names its model.
    model_member: &'static [u8],
    /// Streams end with `[DONE]`.
    ends_with_done: bool,
    /// That an answer failed is what was asked for, and no failure of the host.
    failures_are_answers: bool,
    /// Whether an event that is too long to be read, and begins so, may be the one that ends a stream.
    may_end_unread: fn(&[u8]) -> bool,
    /// What keeps a silent stream alive, and means nothing to a client.
    pub(crate) keep_alive: Bytes,
    /// The shape of errors.
    pub(crate) errors: ErrorShape,
    /// Makes an error's body the last event of a stream; the number is that of the event before it.
    pub(crate) error_event: fn(&[u8], u64) -> Bytes,
}

/// A comment, which clients of server-sent events skip.
const COMMENT: Bytes = Bytes::from_static(b": keep-alive\n\n");

/// All surfaces, the busiest first.
pub(crate) static DIALECTS: [&Dialect; 7] = [
    &chat_completions::CHAT_COMPLETIONS,
    &responses::RESPONSES,
    &messages::MESSAGES,
    &messages::COUNT_TOKENS,
    &embeddings::EMBEDDINGS,
    &gemini::GEMINI,
    &images::IMAGES,
];

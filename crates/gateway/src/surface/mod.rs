//! What each API surface looks like on the wire (spec §6), as pure code: no IO,
//! no clock, no state but that of one stream.
//!
//! A surface is a [`Dialect`]: one value that says how its requests, answers and
//! errors are written. The one path of a request through the gateway asks the
//! dialect and never which surface it is, so a surface is added here and nowhere
//! else. `docs/surfaces.md` says the same for those who call.
//!
//! Nothing is re-serialized: what is read is borrowed from the bytes, and what
//! changes is told as places in them ([`crate::splice`]).

mod call;
mod chat_completions;
mod counts;
mod envelope;
mod events;
mod members;
mod messages;
mod naming;
mod reading;
mod sse;
mod stable_prefix;
#[cfg(test)]
pub(crate) mod testing;

pub(crate) use call::{Call, Framing, Request};
pub(crate) use chat_completions::CHAT_COMPLETIONS;
pub(crate) use counts::Counts;
pub(crate) use envelope::{Envelope, EnvelopeError};
pub(crate) use events::Events;
pub(crate) use naming::{Mention, renaming};
pub(crate) use reading::Meaning;
use reading::Said;
pub(crate) use sse::data_of_event;

/// One surface. Its functions read bytes and say what they mean; each stands
/// with its reasons in the surface's own file.
#[derive(Debug)]
pub(crate) struct Dialect {
    /// Its name in plans and records.
    pub(crate) surface: relay_routing::Surface,
    /// Reads the facts of a request.
    pub(crate) read_request: fn(Request<'_>) -> Result<Envelope, EnvelopeError>,
    /// Reads the data of one event; `None` when it is not of the surface's shape.
    read_event: for<'d> fn(&'d [u8]) -> Option<Said<'d>>,
    /// Reads a whole (not streamed) answer; `None` when it is none.
    read_whole: for<'d> fn(&'d [u8]) -> Option<Said<'d>>,
    /// The member of a whole answer that names its model.
    model_member: &'static [u8],
}

//! A request that goes to a host, as far as its head tells.

use bytes::Bytes;

use super::Dialect;

/// How an answer comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Framing {
    /// In one piece.
    #[default]
    Whole,
    /// As server-sent events.
    Events,
}

/// What method and path say of a request to a host.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) dialect: &'static Dialect,
}

impl Call {
    /// A call that its path says nothing more of.
    pub(crate) fn plain(dialect: &'static Dialect) -> Self {
        Self { dialect }
    }
}

/// A call with its body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'r> {
    pub(crate) call: &'r Call,
    pub(crate) body: &'r Bytes,
}

impl Request<'_> {
    /// Reads the request's facts out of its body.
    ///
    /// # Errors
    /// It cannot be routed.
    pub(crate) fn read(self) -> Result<super::Envelope, super::EnvelopeError> {
        (self.call.dialect.read_request)(self)
    }
}

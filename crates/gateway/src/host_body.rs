//! A host's body on its way in: decoded, if it came encoded.

use bytes::Bytes;
use relay_hosts::Answer;

use crate::coding::{Coding, Decoder};

/// Why a body cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// Reset, or ended before it was whole.
    Cut,
    /// Not framed or encoded as its head says.
    Junk,
}

impl From<relay_http1::ReadError> for Broken {
    fn from(error: relay_http1::ReadError) -> Self {
        match error {
            relay_http1::ReadError::Cut(_) => Self::Cut,
            relay_http1::ReadError::Chunks => Self::Junk,
        }
    }
}

/// What came next of a body.
pub(crate) struct Piece {
    /// Decoded, to be looked at.
    pub(crate) read: Bytes,
    /// What the client is to get of it.
    pub(crate) sent: Bytes,
}

/// The body of a host's answer. Dropping it drops the upstream request.
pub(crate) struct HostBody {
    answer: Answer,
    decoder: Option<Decoder>,
    /// The coding in which the client gets it.
    shown: Coding,
}

impl HostBody {
    /// A body in `coding`, which is decoded for the client.
    pub(crate) fn decoded(answer: Answer, coding: Coding) -> Self {
        Self { answer, decoder: Decoder::new(coding), shown: Coding::Identity }
    }

    /// A body in `coding`, which the client gets as it is.
    pub(crate) fn as_it_is(answer: Answer, coding: Coding) -> Self {
        Self { answer, decoder: Decoder::new(coding), shown: coding }
    }

    /// The coding in which the client gets it.
    pub(crate) fn shown_coding(&self) -> Coding {
        self.shown
    }

    /// What came next; `None` at the end.
    ///
    /// # Errors
    /// See [`Broken`]. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Result<Option<Piece>, Broken> {
        let Some(wire) = self.answer.body().await? else {
            return match self.decoder.as_mut().map(Decoder::finish) {
                Some(Err(_)) => Err(Broken::Cut),
                Some(Ok(())) | None => Ok(None),
            };
        };
        let read = match &mut self.decoder {
            Some(decoder) => decoder.decode(&wire).map_err(|_| Broken::Junk)?,
            None => wire.clone(),
        };
        let sent = if self.shown == Coding::Identity { read.clone() } else { wire };
        Ok(Some(Piece { read, sent }))
    }

    /// Everything that matters was read.
    pub(crate) fn done(self) {
        self.answer.done();
    }
}

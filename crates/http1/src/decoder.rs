//! A body being read, however it is delimited.

use bytes::BytesMut;

use crate::chunked::{BadChunk, Chunks};
use crate::framing::Framing;

/// What is left of a body.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Decoder {
    Length(u64),
    Chunks(Chunks),
    UntilClose,
    Done,
}

impl Decoder {
    pub(crate) fn new(framing: Framing) -> Self {
        match framing {
            Framing::Length(0) => Self::Done,
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunks(Chunks::default()),
            Framing::UntilClose => Self::UntilClose,
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }

    /// Takes what belongs to the body from the front of `input`, puts its data
    /// into `out`, and returns how many bytes of `input` that were.
    pub(crate) fn decode(&mut self, input: &[u8], out: &mut BytesMut) -> Result<usize, BadChunk> {
        let taken = match self {
            Self::Length(left) => {
                let take = input.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                out.extend_from_slice(&input[..take]);
                *left -= take as u64;
                if *left == 0 {
                    *self = Self::Done;
                }
                take
            }
            Self::Chunks(chunks) => {
                let taken = chunks.decode(input, out)?;
                if chunks.is_done() {
                    *self = Self::Done;
                }
                taken
            }
            Self::UntilClose => {
                out.extend_from_slice(input);
                input.len()
            }
            Self::Done => 0,
        };
        Ok(taken)
    }

    /// The connection has ended; whether the body has too.
    pub(crate) fn closed(&mut self) -> bool {
        if matches!(self, Self::UntilClose) {
            *self = Self::Done;
        }
        self.is_done()
    }
}

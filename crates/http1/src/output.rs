//! Bytes on their way out.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::AsyncWrite;

use crate::chunked;

/// Pieces written with one call at most.
const MAX_PIECES: usize = 32;

/// Pieces in the order in which they are to be sent; none is copied.
#[derive(Debug, Default)]
pub(crate) struct Output {
    pieces: VecDeque<Bytes>,
    /// Something was written that the socket may still hold back (TLS does).
    unflushed: bool,
}

impl Output {
    pub(crate) fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.pieces.push_back(piece);
        }
    }

    /// Pieces as one chunk; nothing when they are empty, for that would be the last chunk.
    pub(crate) fn push_chunk(&mut self, pieces: impl Iterator<Item = Bytes> + Clone) {
        let length = pieces.clone().map(|piece| piece.len()).sum();
        if length == 0 {
            return;
        }
        let mut size = BytesMut::with_capacity(20);
        chunked::begin(&mut size, length);
        self.push(size.freeze());
        pieces.for_each(|piece| self.push(piece));
        self.push(Bytes::from_static(b"\r\n"));
    }

    /// Whether everything has left.
    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty() && !self.unflushed
    }

    /// Writes everything; `sent` counts what the system took.
    pub(crate) fn poll_flush<S: AsyncWrite + Unpin>(
        &mut self,
        socket: &mut S,
        cx: &mut Context<'_>,
        sent: &mut u64,
    ) -> Poll<io::Result<()>> {
        while !self.pieces.is_empty() {
            let mut slices = [IoSlice::new(&[]); MAX_PIECES];
            let count = self.pieces.len().min(MAX_PIECES);
            for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
                *slice = IoSlice::new(piece);
            }
            let written = ready!(Pin::new(&mut *socket).poll_write_vectored(cx, &slices[..count]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *sent += written as u64;
            self.unflushed = true;
            self.advance(written);
        }
        // A waiting stream keeps no memory for this.
        self.pieces = VecDeque::new();
        ready!(Pin::new(socket).poll_flush(cx))?;
        self.unflushed = false;
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, mut written: usize) {
        while let Some(piece) = self.pieces.front_mut() {
            if written < piece.len() {
                piece.advance(written);
                return;
            }
            written -= piece.len();
            self.pieces.pop_front();
        }
    }
}

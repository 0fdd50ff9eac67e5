//! Request bodies: ready-made pieces, sent with their length and never copied.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// A body of up to three pieces: what stands before the spliced `model`
/// value, the value, and what follows (spec §6). Cloning shares the bytes, so
/// that another attempt can send them again.
#[derive(Clone, Debug, Default)]
pub struct RequestBody {
    pieces: [Bytes; 3],
    next: usize,
}

impl RequestBody {
    /// A body with the pieces one after another.
    pub fn spliced(before: Bytes, middle: Bytes, after: Bytes) -> Self {
        Self { pieces: [before, middle, after], next: 0 }
    }

    /// Bytes still to be sent.
    pub fn len(&self) -> u64 {
        self.pieces[self.next.min(3)..].iter().map(|piece| piece.len() as u64).sum()
    }

    /// Whether nothing is to be sent.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<Bytes> for RequestBody {
    fn from(whole: Bytes) -> Self {
        Self::spliced(whole, Bytes::new(), Bytes::new())
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        while self.next < 3 {
            let at = self.next;
            self.next += 1;
            let piece = std::mem::take(&mut self.pieces[at]);
            if !piece.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len())
    }
}

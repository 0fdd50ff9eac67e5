//! A body that is passed on while it is still coming.
//!
//! Whoever receives it pushes; a connection that sends it reads at its own pace, and another one may read it from the
//! start again. Everything pushed is therefore kept, in blocks, so that a peer that sends byte by byte takes no more memory than
//! its bytes. How much may be pushed is for whoever pushes to limit.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};

/// What is allocated at once.
const BLOCK: usize = 64 * 1024;

/// The body; clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Upload(Arc<Mutex<Pushed>>);

#[derive(Debug, Default)]
struct Pushed {
    blocks: Vec<Bytes>,
    /// The block that is not full yet.
    last: BytesMut,
    is_whole: bool,
    /// Who waits for more: one connection at a time sends it.
    reader: Option<Waker>,
}

impl Upload {
    /// Takes the next bytes.
    pub fn push(&self, mut bytes: &[u8]) {
        let mut pushed = self.lock();
        while !bytes.is_empty() {
            if pushed.last.capacity() == 0 {
                pushed.last.reserve(BLOCK);
            }
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK - pushed.last.len()));
            pushed.last.extend_from_slice(now);
            if pushed.last.len() == BLOCK {
                let full = std::mem::take(&mut pushed.last).freeze();
                pushed.blocks.push(full);
            }
            bytes = later;
        }
        wake(pushed);
    }

    /// All of it was pushed.
    pub fn finish(&self) {
        let mut pushed = self.lock();
        pushed.is_whole = true;
        wake(pushed);
    }

    fn lock(&self) -> MutexGuard<'_, Pushed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(mut pushed: MutexGuard<'_, Pushed>) {
    let reader = pushed.reader.take();
    drop(pushed);
    if let Some(reader) = reader {
        reader.wake();
    }
}

/// One reading of an upload, from its start.
#[derive(Debug)]
pub(crate) struct UploadReader {
    upload: Upload,
    /// Blocks that were read whole.
    blocks: usize,
    /// Bytes read of the next one.
    offset: usize,
}

impl UploadReader {
    pub(crate) fn new(upload: Upload) -> Self {
        Self { upload, blocks: 0, offset: 0 }
    }

    /// What is there and was not read yet; `None` at the end.
    pub(crate) fn poll_next(&mut self, cx: &Context<'_>) -> Poll<Option<Bytes>> {
        let mut pushed = self.upload.lock();
        while let Some(block) = pushed.blocks.get(self.blocks) {
            // Nothing is left of one that was read just before it was full.
            let piece = block.slice(self.offset..);
            (self.blocks, self.offset) = (self.blocks + 1, 0);
            if !piece.is_empty() {
                return Poll::Ready(Some(piece));
            }
        }
        if self.offset < pushed.last.len() {
            // A copy: what is shared cannot grow.
            let piece = Bytes::copy_from_slice(&pushed.last[self.offset..]);
            self.offset = pushed.last.len();
            return Poll::Ready(Some(piece));
        }
        if pushed.is_whole {
            return Poll::Ready(None);
        }
        pushed.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(reader: &mut UploadReader, into: &mut Vec<u8>) -> bool {
        let cx = Context::from_waker(Waker::noop());
        loop {
            match reader.poll_next(&cx) {
                Poll::Ready(Some(piece)) => {
                    assert!(!piece.is_empty());
                    into.extend_from_slice(&piece);
                }
                Poll::Ready(None) => return true,
                Poll::Pending => return false,
            }
        }
    }

    proptest! {
        #[test]
        fn every_reading_is_what_was_pushed_however_they_interleave(
            steps in prop::collection::vec((0..BLOCK * 2 + 7, any::<bool>()), 0..12),
        ) {
            let upload = Upload::default();
            let (mut early, mut seen, mut all) = (UploadReader::new(upload.clone()), Vec::new(), Vec::new());
            for (number, (size, reads)) in steps.into_iter().enumerate() {
                let piece = vec![number as u8; size];
                upload.push(&piece);
                all.extend_from_slice(&piece);
                if reads {
                    prop_assert!(!read(&mut early, &mut seen));
                    prop_assert!(seen == all);
                }
            }
            upload.finish();
            prop_assert!(read(&mut early, &mut seen) && seen == all);
            let mut again = Vec::new();
            prop_assert!(read(&mut UploadReader::new(upload), &mut again) && again == all);
        }
    }
}

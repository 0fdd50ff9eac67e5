//! Reading without a buffer of one's own.
//!
//! Thousands of connections wait for their next bytes at any moment. A buffer
//! for each would be most of the memory of an open stream, so they share one
//! for each thread: it is filled and emptied within one poll.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// Large enough to empty a socket in one read, mostly: a read that fills less
/// tells the runtime that there is no more, and saves a call that finds nothing.
const SIZE: usize = 64 * 1024;

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; SIZE].into_boxed_slice());
}

/// Reads once and hands over what came; nothing at the end of the stream.
pub(crate) fn poll_read<S: AsyncRead + Unpin, T>(
    socket: &mut S,
    cx: &mut Context<'_>,
    take: impl FnOnce(&[u8]) -> T,
) -> Poll<io::Result<T>> {
    SCRATCH.with_borrow_mut(|scratch| {
        let mut buffer = ReadBuf::new(scratch);
        ready!(Pin::new(socket).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(take(buffer.filled())))
    })
}

//! The socket under the HTTP server: it keeps a copy of each request head as it was sent, and can be reset.
//!
//! An HTTP library folds names to lower case and regroups repeated headers; tests of a relay want to see the bytes.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// A connection whose request heads are copied to a [`HeadTap`].
pub(crate) struct Wire {
    stream: TcpStream,
    tap: HeadTap,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream, tap: HeadTap) -> Self {
        Self { stream, tap }
    }

    /// Closes the connection with a reset, as a process that died does.
    pub(crate) fn reset(self) {
        // A socket that is already gone needs no reset.
        let _ = self.stream.set_zero_linger();
    }

    /// The socket itself, for bytes that no HTTP library would write.
    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut this.stream).poll_read(cx, buffer);
        if outcome.is_ready() {
            this.tap.push(&buffer.filled()[before..]);
        }
        outcome
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

/// The bytes of the request head now being read on a connection.
#[derive(Clone, Default)]
pub(crate) struct HeadTap {
    state: Arc<Mutex<TapState>>,
}

#[derive(Default)]
struct TapState {
    bytes: Vec<u8>,
    ended: bool,
}

impl HeadTap {
    fn lock(&self) -> MutexGuard<'_, TapState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, bytes: &[u8]) {
        let mut state = self.lock();
        if state.ended || bytes.is_empty() {
            return;
        }
        let scanned = state.bytes.len().saturating_sub(END_OF_HEAD.len() - 1);
        state.bytes.extend_from_slice(bytes);
        let end = state.bytes[scanned..].windows(END_OF_HEAD.len()).position(|window| window == END_OF_HEAD);
        if let Some(at) = end {
            state.bytes.truncate(scanned + at + END_OF_HEAD.len());
            state.ended = true;
        }
    }

    /// Takes the head that has ended. The next one is not recorded before [`HeadTap::rearm`].
    pub(crate) fn take(&self) -> Bytes {
        let mut state = self.lock();
        if state.ended { Bytes::from(std::mem::take(&mut state.bytes)) } else { Bytes::new() }
    }

    /// To be called when a request's body has been read whole: what comes now is the next head.
    pub(crate) fn rearm(&self) {
        let mut state = self.lock();
        state.bytes.clear();
        state.ended = false;
    }
}

/// The headers of a raw head, in order and as spelled.
pub(crate) fn parse_headers(head: &Bytes) -> Vec<(String, Bytes)> {
    let lines = head.split(|byte| *byte == b'\n').skip(1).map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines
        .filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let name = String::from_utf8_lossy(&line[..colon]).into_owned();
            Some((name, head.slice_ref(line[colon + 1..].trim_ascii())))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_kept_whole_however_it_is_cut() {
        let head = b"GET / HTTP/1.1\r\nX-A:1\r\nx-a: 2 \r\n\r\n";
        for cut in 0..=head.len() {
            let tap = HeadTap::default();
            tap.push(&head[..cut]);
            tap.push(&head[cut..]);
            tap.push(b"body that is not head");
            let taken = tap.take();
            assert_eq!(taken, head[..]);
            let headers = parse_headers(&taken);
            assert_eq!(headers, [("X-A".to_owned(), Bytes::from("1")), ("x-a".to_owned(), Bytes::from("2"))]);
        }
    }

    #[test]
    fn a_head_that_has_not_ended_is_not_taken() {
        let tap = HeadTap::default();
        tap.push(b"GET / HTTP/1.1\r\n");
        assert!(tap.take().is_empty());
    }
}

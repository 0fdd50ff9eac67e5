//! One client connection: its clocks (spec §10: 10 s for a request's head, a
//! client that stops reading) and its orderly end.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// No time: nothing is being waited for.
const NEVER: u64 = 0;

/// How often the clocks of a connection are looked at.
pub(crate) const TICK: Duration = Duration::from_secs(2);

/// What the connection's driver, its socket and its requests share.
#[derive(Debug)]
struct State {
    epoch: Instant,
    in_request: AtomicBool,
    /// Milliseconds since `epoch`, plus one; [`NEVER`] when no head is awaited.
    head_since: AtomicU64,
    /// The same for a write that the client does not take.
    blocked_since: AtomicU64,
    /// A [`Phase`], only ever raised.
    phase: AtomicU8,
    /// The connection's own task: it polls its requests and answers too.
    task: AtomicWaker,
}

/// How far a connection is from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Open,
    /// It takes no further request.
    Closing,
    /// What is in flight is told, and ended.
    Ending,
    /// It is dropped: its client is still sending a request, or not reading its answer.
    Over,
}

/// A handle that requests and answers of a connection hold.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionHandle(Arc<State>);

impl ConnectionHandle {
    pub(crate) fn new() -> Self {
        Self(Arc::new(State {
            epoch: Instant::now(),
            in_request: AtomicBool::new(false),
            // The first head is waited for from the start: a client that says nothing is a slow one.
            head_since: AtomicU64::new(1),
            blocked_since: AtomicU64::new(NEVER),
            phase: AtomicU8::new(Phase::Open as u8),
            task: AtomicWaker::new(),
        }))
    }

    /// A request's head has been read.
    pub(crate) fn request_begins(&self) {
        self.0.in_request.store(true, Ordering::Relaxed);
        self.0.head_since.store(NEVER, Ordering::Relaxed);
    }

    /// An answer was handed over; the next bytes belong to another request.
    pub(crate) fn request_ends(&self) {
        self.0.in_request.store(false, Ordering::Relaxed);
    }

    /// Moves the connection towards its end, and wakes it to see that. One
    /// waker for the whole connection costs less than each request waiting
    /// for a shutdown on its own.
    pub(crate) fn advance_to(&self, phase: Phase) {
        self.0.phase.fetch_max(phase as u8, Ordering::AcqRel);
        self.0.task.wake();
    }

    /// Whether the connection has come to `phase`.
    pub(crate) fn has_come_to(&self, phase: Phase) -> bool {
        self.0.phase.load(Ordering::Acquire) >= phase as u8
    }

    /// Who is woken by [`ConnectionHandle::advance_to`].
    pub(crate) fn register(&self, cx: &Context<'_>) {
        self.0.task.register(cx.waker());
    }

    /// Whether the client has taken too long over a head, or over reading.
    pub(crate) fn is_stalled(&self, head_limit: Duration, write_limit: Duration) -> bool {
        let now = self.now();
        let exceeds = |since: u64, limit: Duration| since != NEVER && u128::from(now - since) > limit.as_millis();
        exceeds(self.0.head_since.load(Ordering::Relaxed).min(now), head_limit)
            || exceeds(self.0.blocked_since.load(Ordering::Relaxed).min(now), write_limit)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.epoch.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
    }

    fn bytes_read(&self) {
        if !self.0.in_request.load(Ordering::Relaxed) && self.0.head_since.load(Ordering::Relaxed) == NEVER {
            self.0.head_since.store(self.now(), Ordering::Relaxed);
        }
    }

    fn write_blocked(&self, blocked: bool) {
        if !blocked {
            if self.0.blocked_since.load(Ordering::Relaxed) != NEVER {
                self.0.blocked_since.store(NEVER, Ordering::Relaxed);
            }
        } else if self.0.blocked_since.load(Ordering::Relaxed) == NEVER {
            self.0.blocked_since.store(self.now(), Ordering::Relaxed);
        }
    }
}

/// A socket that tells its handle what it sees.
pub(crate) struct WatchedSocket {
    pub(crate) socket: TcpStream,
    pub(crate) handle: ConnectionHandle,
}

impl AsyncRead for WatchedSocket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.handle.bytes_read();
        }
        read
    }
}

impl AsyncWrite for WatchedSocket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.handle.write_blocked(written.is_pending());
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        self.handle.write_blocked(written.is_pending());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

/// Marks the connection as busy with a request until the answer is out.
pub(crate) struct RequestGuard(ConnectionHandle);

impl RequestGuard {
    pub(crate) fn new(connection: ConnectionHandle) -> Self {
        connection.request_begins();
        Self(connection)
    }

    pub(crate) fn connection(&self) -> &ConnectionHandle {
        &self.0
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.0.request_ends();
    }
}

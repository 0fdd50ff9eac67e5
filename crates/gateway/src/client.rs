//! One client's connection: its requests in, answers out, its clocks (spec §10:
//! 10 s for a request's head, 30 s without progress of a body, a client that
//! stops reading), and its orderly end.

use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::task::AtomicWaker;
use http::StatusCode;
use relay_http1::{BodyError, HeadError, RequestError, RequestHead, ResponseHeadWriter, ServerConnection};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::alarm::Alarm;
use crate::buffers::Held;
use crate::error::{GatewayError, Interrupted, overloaded, shutting_down};
use crate::inside::InsideCaller;
use crate::intake::Intake;
use crate::reply::Reply;

/// Silence between two requests after which a connection is closed: clients
/// keep theirs for much less, and one that died would stay for ever.
const LONGEST_IDLE: Duration = Duration::from_mins(5);

/// How long the end of a connection is waited for once ours is said.
const LINGER: Duration = Duration::from_secs(2);

/// How long a connection that is to end stays open for a request that may be on its way: a client that has its whole
/// answer, however that ended, may send the next one before it sees the end.
const LAST_CALL: Duration = Duration::from_millis(250);

/// An unread rest of a body up to this size is read and dropped, so that the connection can go on.
const DRAINED: usize = 64 * 1024;

/// How far a connection is on its way to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// The next answer is the last one; until then it stays, since its client may be sending a request just now.
    LastRequest = 1,
    /// It takes no further request.
    Closing,
    /// What is in flight is told, and ended.
    Ending,
    /// It is dropped: its client is still sending a request, or not reading its answer.
    Over,
}

/// How a shutdown reaches a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConnectionHandle(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// A [`Phase`], only ever raised; 0 before all of them.
    phase: AtomicU8,
    task: AtomicWaker,
}

impl ConnectionHandle {
    /// Moves the connection towards its end, and wakes it to see that.
    pub(crate) fn advance_to(&self, phase: Phase) {
        self.0.phase.fetch_max(phase as u8, Ordering::AcqRel);
        self.0.task.wake();
    }

    /// Whether the connection has come to `phase`; it is woken when that changes.
    fn poll(&self, phase: Phase, cx: &Context<'_>) -> bool {
        self.0.task.register(cx.waker());
        self.has_come_to(phase)
    }

    fn has_come_to(&self, phase: Phase) -> bool {
        self.0.phase.load(Ordering::Acquire) >= phase as u8
    }
}

/// How long a client may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientClocks {
    /// Over a request's head.
    pub(crate) head: Duration,
    /// Between two pieces of a body.
    pub(crate) body: Duration,
    /// Over reading what was written.
    pub(crate) stall: Duration,
}

/// The client has gone, or is not waited for any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gone;

/// What ended a wait.
pub(crate) enum Watched<T> {
    /// The work.
    Done(T),
    /// The time.
    Due,
    /// The client has gone: whatever is done for it is to stop.
    Gone,
    /// A shutdown: what is in flight is to be told.
    Ending,
}

/// A client's connection.
pub(crate) struct Client {
    connection: ServerConnection<TcpStream>,
    handle: ConnectionHandle,
    alarm: Alarm,
    clocks: ClientClocks,
    peer: Peer,
    /// Something of the answer to the present request was queued.
    is_answering: bool,
    /// The connection is to end, and its client could not be told with the head of the present answer.
    is_leaving: bool,
}

/// The other end of a connection.
#[derive(Clone, Debug)]
pub(crate) enum Peer {
    /// Somebody at this address.
    Address(IpAddr),
    /// This process, for a consumer.
    Inside(InsideCaller),
}

impl Client {
    pub(crate) fn new(socket: TcpStream, peer: Peer, handle: ConnectionHandle, clocks: ClientClocks) -> Self {
        let connection = ServerConnection::new(socket);
        Self { connection, handle, alarm: Alarm::default(), clocks, peer, is_answering: false, is_leaving: false }
    }

    /// Where the connection comes from. No field of a request is believed about that.
    pub(crate) fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The next request; `None` when there will be none.
    ///
    /// # Errors
    /// What came is no request that could be answered otherwise.
    pub(crate) async fn next_request(&mut self, is_first: bool) -> Result<Option<RequestHead>, GatewayError> {
        self.is_answering = false;
        let since = Instant::now();
        // The first head is waited for from the start: a client that says nothing is a slow one.
        let mut head_since = (is_first || self.connection.has_input()).then_some(since);
        let read = poll_fn(|cx| {
            if let Poll::Ready(read) = self.connection.poll_head(cx) {
                return Poll::Ready(Some(read));
            }
            let has_begun = self.connection.has_input();
            let last_phase = if has_begun { Phase::Ending } else { Phase::Closing };
            if self.handle.poll(last_phase, cx) {
                return Poll::Ready(None);
            }
            if has_begun && head_since.is_none() {
                head_since = Some(Instant::now());
            }
            let idle = if self.is_leaving { LAST_CALL } else { LONGEST_IDLE };
            let due = head_since.map_or(since + idle, |since| since + self.clocks.head);
            self.alarm.poll(due, cx).map(|()| None)
        });
        let read = read.await;
        if self.is_leaving {
            self.connection.close();
        }
        match read {
            Some(Ok(head)) => Ok(head),
            Some(Err(error)) => unreadable(&error).map_or(Ok(None), Err),
            None => Ok(None),
        }
    }

    /// Reads the present request's body.
    ///
    /// # Errors
    /// 413 beyond `limit`, and those of [`Client::more_body`]. The rest of the body is not read then.
    pub(crate) async fn body(&mut self, limit: u64, held: &mut Held) -> Result<Bytes, Interrupted> {
        self.refuse_announced(limit)?;
        let mut body = BytesMut::new();
        loop {
            let is_whole = self.more_body(&mut body).await?;
            may_take(body.len() as u64, limit, held)?;
            if is_whole {
                return Ok(body.freeze());
            }
        }
    }

    /// Refuses a body that says itself that it is too large, before any of it is read.
    pub(crate) fn refuse_announced(&self, limit: u64) -> Result<(), GatewayError> {
        let announced = self.connection.announced_body();
        if announced.is_some_and(|length| length > limit) { Err(too_large(limit)) } else { Ok(()) }
    }

    /// How much of the present request's body is still to come, if the client has said so.
    pub(crate) fn announced_rest(&self) -> Option<u64> {
        self.connection.announced_body()
    }

    /// Reads on in the present request's body; whether that was the end of it.
    ///
    /// # Errors
    /// 408 when nothing arrives for too long, 400 when it is not chunked as it should be.
    pub(crate) async fn more_body(&mut self, body: &mut BytesMut) -> Result<bool, Interrupted> {
        let since = Instant::now();
        poll_fn(|cx| self.poll_more_body(cx, body, since)).await
    }

    /// The same of a client of which nothing has come since then.
    fn poll_more_body(
        &mut self,
        cx: &mut Context<'_>,
        body: &mut BytesMut,
        since: Instant,
    ) -> Poll<Result<bool, Interrupted>> {
        match self.connection.poll_body(cx, body) {
            Poll::Ready(Ok(is_whole)) => return Poll::Ready(Ok(is_whole)),
            Poll::Ready(Err(BodyError::Broken(_))) => return Poll::Ready(Err(Gone.into())),
            Poll::Ready(Err(BodyError::Chunks)) => return Poll::Ready(Err(badly_chunked().into())),
            Poll::Pending => {}
        }
        if self.handle.poll(Phase::Ending, cx) {
            return Poll::Ready(Err(shutting_down().into()));
        }
        let stall = self.clocks.body;
        self.alarm.poll(since + stall, cx).map(|()| Err(stalled(stall).into()))
    }

    /// Works on the client's behalf until `due`, as long as it is there.
    /// Dropping the future drops the work.
    pub(crate) async fn watch<T>(
        &mut self,
        due: Option<Instant>,
        mut work: Pin<&mut (impl Future<Output = T> + ?Sized)>,
    ) -> Watched<T> {
        poll_fn(|cx| {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(Watched::Done(done));
            }
            if self.handle.poll(Phase::Ending, cx) {
                return Poll::Ready(Watched::Ending);
            }
            if self.connection.poll_gone(cx).is_ready() {
                return Poll::Ready(Watched::Gone);
            }
            match due {
                Some(due) => self.alarm.poll(due, cx).map(|()| Watched::Due),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// Works on the client's behalf while it still sends its form, which the work passes on. `None` when the form is
    /// whole before the work is done. Dropping the future loses nothing of the form.
    ///
    /// # Errors
    /// Those of [`Client::more_body`] and [`Intake::take`]; the work is to be dropped.
    pub(crate) async fn watch_upload<T>(
        &mut self,
        intake: &mut Intake,
        mut work: Pin<&mut impl Future<Output = T>>,
    ) -> Result<Option<T>, Interrupted> {
        poll_fn(|cx| {
            loop {
                if let Poll::Ready(done) = work.as_mut().poll(cx) {
                    return Poll::Ready(Ok(Some(done)));
                }
                let (piece, since) = intake.waits();
                let is_whole = ready!(self.poll_more_body(cx, piece, since))?;
                intake.take(is_whole)?;
                if is_whole {
                    return Poll::Ready(Ok(None));
                }
            }
        })
        .await
    }

    /// The same when the client has left.
    pub(crate) async fn work_on<T>(&mut self, due: Instant, mut work: Pin<&mut impl Future<Output = T>>) -> Option<T> {
        poll_fn(|cx| {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(Some(done));
            }
            if self.handle.poll(Phase::Ending, cx) {
                return Poll::Ready(None);
            }
            self.alarm.poll(due, cx).map(|()| None)
        })
        .await
    }

    /// Writes an answer of ours.
    pub(crate) async fn reply(&mut self, reply: Reply) -> Result<(), Gone> {
        if reply.closes || self.handle.has_come_to(Phase::LastRequest) {
            self.connection.close();
        }
        self.is_answering = true;
        self.connection.respond(reply.head, reply.body);
        self.flush().await
    }

    /// Begins an answer whose body follows in pieces.
    pub(crate) fn start(&mut self, head: ResponseHeadWriter) {
        if self.handle.has_come_to(Phase::LastRequest) {
            self.connection.close();
        }
        self.is_answering = true;
        self.connection.start(head, None);
    }

    /// Whether an answer to the present request has begun.
    pub(crate) fn is_answering(&self) -> bool {
        self.is_answering
    }

    /// Queues pieces of the answer's body.
    pub(crate) fn send(&mut self, pieces: impl IntoIterator<Item = Bytes, IntoIter: Clone>) {
        self.connection.send(pieces);
    }

    /// Queues the end of the answer's body; left out, the client sees that it broke off.
    pub(crate) fn finish(&mut self) {
        self.connection.finish();
    }

    /// The connection ends after the present answer, whose head is out and could not say so: soon, or with the answer to
    /// the request that the client sends just now.
    pub(crate) fn close_soon(&mut self) {
        self.is_leaving = true;
    }

    /// The same, if it is still being sent: the rest is nobody's any more.
    pub(crate) fn close_over_unread(&mut self) {
        if !self.connection.has_whole_body() {
            self.connection.close();
        }
    }

    /// Writes what is queued, as fast as the client reads.
    ///
    /// # Errors
    /// It has gone, or read nothing for too long.
    pub(crate) async fn flush(&mut self) -> Result<(), Gone> {
        let (mut sent, mut since) = (self.connection.bytes_sent(), None);
        poll_fn(|cx| {
            if let Poll::Ready(flushed) = self.connection.poll_flush(cx) {
                return Poll::Ready(flushed.map_err(|_| Gone));
            }
            if self.handle.poll(Phase::Over, cx) {
                return Poll::Ready(Err(Gone));
            }
            if std::mem::replace(&mut sent, self.connection.bytes_sent()) != sent {
                since = None;
            }
            let since = *since.get_or_insert_with(Instant::now);
            self.alarm.poll(since + self.clocks.stall, cx).map(|()| Err(Gone))
        })
        .await
    }

    /// Makes ready for another request; whether there can be one.
    pub(crate) async fn may_go_on(&mut self) -> bool {
        if !self.connection.has_whole_body() {
            self.drain().await;
        }
        self.connection.keeps_alive()
    }

    /// Drops the rest of a body that nobody has read, if it is small.
    async fn drain(&mut self) {
        let due = Instant::now() + LINGER;
        let mut rest = BytesMut::new();
        let mut drained = false;
        while !drained && rest.len() < DRAINED {
            let read = poll_fn(|cx| {
                if let Poll::Ready(read) = self.connection.poll_body(cx, &mut rest) {
                    return Poll::Ready(read.ok());
                }
                if self.handle.poll(Phase::Closing, cx) {
                    return Poll::Ready(None);
                }
                self.alarm.poll(due, cx).map(|()| None)
            });
            let Some(whole) = read.await else { return };
            drained = whole;
        }
    }

    /// Ends the connection so that the client can still read what was written.
    pub(crate) async fn close(&mut self) {
        let due = Instant::now() + LINGER;
        poll_fn(|cx| {
            if self.connection.poll_close(cx).is_ready() || self.handle.poll(Phase::Over, cx) {
                return Poll::Ready(());
            }
            self.alarm.poll(due, cx)
        })
        .await;
    }
}

/// What is said to a client whose request cannot be read, if it is there to hear it.
fn unreadable(error: &RequestError) -> Option<GatewayError> {
    tracing::debug!(%error, "a request could not be read");
    let (status, code, why) = match error {
        RequestError::Broken(_) => return None,
        RequestError::Head(HeadError::TooLarge) => {
            (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large", HeadError::TooLarge.to_string())
        }
        RequestError::Head(error) => (StatusCode::BAD_REQUEST, "malformed_request", error.to_string()),
        RequestError::Framing(error) => (StatusCode::BAD_REQUEST, "malformed_request", format!("it has {error}")),
    };
    Some(GatewayError::new(status, code, format!("The request cannot be read: {why}.")).closing())
}

/// Whether a body of so many bytes is one to be kept.
///
/// # Errors
/// 413 beyond `limit`, 503 when there is no memory for it in `held`'s budget.
pub(crate) fn may_take(bytes: u64, limit: u64, held: &mut Held) -> Result<(), GatewayError> {
    if bytes > limit {
        return Err(too_large(limit));
    }
    let fits = usize::try_from(bytes).is_ok_and(|bytes| held.fits(bytes));
    if fits { Ok(()) } else { Err(overloaded().closing()) }
}

fn badly_chunked() -> GatewayError {
    GatewayError::bad_request("The request body is not chunked as it should be.", None).closing()
}

fn too_large(limit: u64) -> GatewayError {
    let message = format!("The request body is larger than the limit of {limit} bytes.");
    GatewayError::new(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", message).closing()
}

fn stalled(stall: Duration) -> GatewayError {
    let message = format!("Nothing of the request body arrived for {} s.", stall.as_secs());
    GatewayError::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", message).closing()
}

//! The serving end of a connection: heads and bodies of requests in, answers out.
//!
//! One request at a time, in the order in which they came (RFC 9112 §9.3.2).
//! Nothing is written but by [`ServerConnection::poll_flush`], which the user
//! polls; dropping the connection closes the socket.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::chunked;
use crate::decoder::Decoder;
use crate::framing::{Framing, FramingError};
use crate::head::{HeadError, RequestHead, Version};
use crate::output::Output;
use crate::{MAX_HEAD, scratch};

/// Why there is no further request.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The socket failed, or ended inside a head.
    #[error("the connection broke inside a request's head")]
    Broken(#[source] io::Error),
    /// What came is no head.
    #[error("the request's head is refused: {0}")]
    Head(#[from] HeadError),
    /// The end of the body cannot be told.
    #[error("the request's body is refused: {0}")]
    Framing(#[from] FramingError),
}

/// Why a body cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The socket failed, or ended inside the body.
    #[error("the connection broke inside the request's body")]
    Broken(#[source] io::Error),
    /// The chunked coding is broken.
    #[error("the request's body is not chunked as it should be")]
    Chunks,
}

/// The head of an answer, being written.
#[derive(Debug)]
pub struct ResponseHeadWriter(BytesMut);

impl ResponseHeadWriter {
    /// Begins with the status line.
    pub fn new(status: u16, reason: &str) -> Self {
        let mut text = BytesMut::with_capacity(512);
        text.put_slice(b"HTTP/1.1 ");
        put_number(&mut text, u64::from(status));
        text.put_u8(b' ');
        text.put_slice(reason.as_bytes());
        text.put_slice(b"\r\n");
        Self(text)
    }

    /// One field. A value that cannot be in one (a control character) is left out with its name.
    pub fn field(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        put_field(&mut self.0, name.as_ref(), value.as_ref());
    }

    /// A field whose value is a number.
    pub fn number(&mut self, name: &str, value: u64) {
        self.0.put_slice(name.as_bytes());
        self.0.put_slice(b": ");
        put_number(&mut self.0, value);
        self.0.put_slice(b"\r\n");
    }

    /// A field whose value is what `value` displays, which cannot have a line break in it.
    pub fn display(&mut self, name: &str, value: impl std::fmt::Display) {
        use std::fmt::Write as _;
        self.0.put_slice(name.as_bytes());
        self.0.put_slice(b": ");
        // Writing to memory does not fail.
        let _ = write!(self.0, "{value}");
        self.0.put_slice(b"\r\n");
    }
}

/// Writes `name: value`, unless the value would break the head.
pub(crate) fn put_field(text: &mut BytesMut, name: &[u8], value: &[u8]) {
    if value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        return;
    }
    text.put_slice(name);
    text.put_slice(b": ");
    text.put_slice(value);
    text.put_slice(b"\r\n");
}

pub(crate) fn put_number(text: &mut BytesMut, mut value: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    text.put_slice(&digits[at..]);
}

/// How the body of the answer is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answering {
    /// None is being sent.
    Nothing,
    /// As many bytes as the head says, or as many as come until the close.
    Plain,
    Chunked,
    /// The request was `HEAD`.
    Unsent,
}

/// A client's connection.
#[derive(Debug)]
pub struct ServerConnection<S> {
    socket: S,
    /// Read, and not used yet.
    input: BytesMut,
    output: Output,
    /// What is left of the present request's body.
    body: Decoder,
    answering: Answering,
    version: Version,
    is_head: bool,
    awaits_continue: bool,
    keep_alive: bool,
    sent: u64,
}

impl<S: AsyncRead + AsyncWrite + Unpin> ServerConnection<S> {
    /// A connection just accepted.
    pub fn new(socket: S) -> Self {
        Self {
            socket,
            input: BytesMut::new(),
            output: Output::default(),
            body: Decoder::Done,
            answering: Answering::Nothing,
            version: Version::Http11,
            is_head: false,
            awaits_continue: false,
            keep_alive: true,
            sent: 0,
        }
    }

    /// The next request's head; `None` when the client has closed between requests.
    ///
    /// # Errors
    /// See [`RequestError`]; nothing further can be read then.
    pub fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<RequestHead>, RequestError>> {
        loop {
            if !self.input.is_empty()
                && let Some((head, length)) = RequestHead::parse(&self.input)?
            {
                let _ = self.input.split_to(length);
                return Poll::Ready(self.begin(head).map(Some));
            }
            let Self { socket, input, .. } = self;
            // Mostly a head comes in one piece, and needs not be gathered first.
            let read = scratch::poll_read(socket, cx, |bytes| {
                if input.is_empty()
                    && let Some((head, length)) = RequestHead::parse(bytes)?
                {
                    input.extend_from_slice(&bytes[length..]);
                    return Ok(Some(Some(head)));
                }
                input.extend_from_slice(bytes);
                Ok(if bytes.is_empty() { None } else { Some(None) })
            });
            match ready!(read) {
                Ok(Ok(Some(Some(head)))) => return Poll::Ready(self.begin(head).map(Some)),
                Ok(Ok(Some(None))) => {}
                Ok(Ok(None)) if self.input.is_empty() => return Poll::Ready(Ok(None)),
                Ok(Ok(None)) => return Poll::Ready(Err(RequestError::Broken(io::ErrorKind::UnexpectedEof.into()))),
                Ok(Err(error)) => return Poll::Ready(Err(RequestError::Head(error))),
                Err(error) => return Poll::Ready(Err(RequestError::Broken(error))),
            }
        }
    }

    fn begin(&mut self, head: RequestHead) -> Result<RequestHead, RequestError> {
        self.version = head.version;
        self.is_head = head.method() == "HEAD";
        self.keep_alive = head.keeps_alive();
        self.body = Decoder::new(Framing::of_request(&head)?);
        self.awaits_continue = !self.body.is_done() && head.expects_continue();
        Ok(head)
    }

    /// Whether bytes of the next head have come.
    pub fn has_input(&self) -> bool {
        !self.input.is_empty()
    }

    /// Reads on in the present request's body, into the end of `body`.
    /// Whether it is all there; otherwise some of it came.
    ///
    /// # Errors
    /// See [`BodyError`]; nothing further can be read then.
    pub fn poll_body(&mut self, cx: &mut Context<'_>, body: &mut BytesMut) -> Poll<Result<bool, BodyError>> {
        if self.body.is_done() {
            return Poll::Ready(Ok(true));
        }
        if !self.input.is_empty() {
            return Poll::Ready(self.take_input(body));
        }
        if std::mem::take(&mut self.awaits_continue) {
            self.output.push(Bytes::from_static(b"HTTP/1.1 100 Continue\r\n\r\n"));
        }
        ready!(self.poll_flush(cx)).map_err(BodyError::Broken)?;
        let Self { socket, input, body: decoder, .. } = self;
        let read = scratch::poll_read(socket, cx, |bytes| {
            if bytes.is_empty() {
                return Err(BodyError::Broken(io::ErrorKind::UnexpectedEof.into()));
            }
            let taken = decoder.decode(bytes, body).map_err(|_| BodyError::Chunks)?;
            input.extend_from_slice(&bytes[taken..]);
            Ok(decoder.is_done())
        });
        Poll::Ready(ready!(read).map_err(BodyError::Broken)?)
    }

    fn take_input(&mut self, body: &mut BytesMut) -> Result<bool, BodyError> {
        self.awaits_continue = false;
        if let Decoder::Length(left) = self.body
            && body.is_empty()
            && self.input.len() as u64 >= left
        {
            // All of it came with the head: it is handed on as it is.
            *body = self.input.split_to(left as usize);
            self.body = Decoder::Done;
            return Ok(true);
        }
        let taken = self.body.decode(&self.input, body).map_err(|_| BodyError::Chunks)?;
        let _ = self.input.split_to(taken);
        Ok(self.body.is_done())
    }

    /// How long the rest of the present request's body is, when its head said so.
    pub fn announced_body(&self) -> Option<u64> {
        match self.body {
            Decoder::Length(left) => Some(left),
            Decoder::Done => Some(0),
            Decoder::Chunks(_) | Decoder::UntilClose => None,
        }
    }

    /// Whether the present request's body was read to its end.
    pub fn has_whole_body(&self) -> bool {
        self.body.is_done()
    }

    /// Completes when the client has gone. What it sends meanwhile is kept for
    /// later, up to the size of a head; a client that sends more than that is
    /// only noticed to leave when it is written to.
    pub fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.input.len() < MAX_HEAD {
            let Self { socket, input, .. } = self;
            let read = scratch::poll_read(socket, cx, |bytes| {
                input.extend_from_slice(bytes);
                bytes.is_empty()
            });
            if ready!(read).unwrap_or(true) {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }

    /// Queues a whole answer.
    pub fn respond(&mut self, mut head: ResponseHeadWriter, body: Bytes) {
        head.number("content-length", body.len() as u64);
        self.push_head(head);
        if !self.is_head {
            self.output.push(body);
        }
    }

    /// Queues the head of an answer whose body follows by [`ServerConnection::send`]:
    /// `length` bytes, or as many as will come.
    pub fn start(&mut self, mut head: ResponseHeadWriter, length: Option<u64>) {
        self.answering = match (length, self.version) {
            _ if self.is_head => Answering::Unsent,
            (Some(length), _) => {
                head.number("content-length", length);
                Answering::Plain
            }
            (None, Version::Http11) => {
                head.field("transfer-encoding", "chunked");
                Answering::Chunked
            }
            (None, Version::Http10) => {
                self.keep_alive = false;
                Answering::Plain
            }
        };
        self.push_head(head);
    }

    fn push_head(&mut self, mut head: ResponseHeadWriter) {
        match (self.keep_alive, self.version) {
            (false, _) => head.field("connection", "close"),
            (true, Version::Http10) => head.field("connection", "keep-alive"),
            (true, Version::Http11) => {}
        }
        head.0.put_slice(b"\r\n");
        self.output.push(head.0.freeze());
    }

    /// Queues more of the answer's body.
    pub fn send(&mut self, pieces: impl IntoIterator<Item = Bytes, IntoIter: Clone>) {
        let pieces = pieces.into_iter();
        match self.answering {
            Answering::Nothing | Answering::Unsent => {}
            Answering::Plain => pieces.for_each(|piece| self.output.push(piece)),
            Answering::Chunked => self.output.push_chunk(pieces),
        }
    }

    /// Queues the end of the answer's body. Without it the client sees that the answer broke off.
    pub fn finish(&mut self) {
        if self.answering == Answering::Chunked {
            self.output.push(chunked::LAST_CHUNK);
        }
        self.answering = Answering::Nothing;
    }

    /// Writes what is queued.
    ///
    /// # Errors
    /// When the socket fails: the client has gone.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.output.is_empty() {
            return Poll::Ready(Ok(()));
        }
        self.output.poll_flush(&mut self.socket, cx, &mut self.sent)
    }

    /// Whether everything queued was written.
    pub fn is_flushed(&self) -> bool {
        self.output.is_empty()
    }

    /// Bytes that the system took of answers, so far.
    pub fn bytes_sent(&self) -> u64 {
        self.sent
    }

    /// The present request is the last one.
    pub fn close(&mut self) {
        self.keep_alive = false;
    }

    /// Whether another request may follow once this one is answered.
    pub fn keeps_alive(&self) -> bool {
        self.keep_alive && self.body.is_done() && self.answering == Answering::Nothing
    }

    /// Ends our direction, then reads until the client ends its own: a socket
    /// closed over unread bytes is reset, and a reset can overtake the answer
    /// (RFC 9112 §9.6).
    pub fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if ready!(self.poll_flush(cx)).is_err() || ready!(Pin::new(&mut self.socket).poll_shutdown(cx)).is_err() {
            return Poll::Ready(());
        }
        while !ready!(scratch::poll_read(&mut self.socket, cx, <[u8]>::is_empty)).unwrap_or(true) {}
        Poll::Ready(())
    }
}

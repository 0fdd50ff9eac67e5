//! The calling end of a connection: one request at a time out, its answer in.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, Waker, ready};

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::chunked;
use crate::decoder::Decoder;
use crate::framing::{Framing, FramingError};
use crate::head::{HeadError, ResponseHead};
use crate::output::Output;
use crate::scratch;
use crate::server::{put_field, put_number};
use crate::upload::{Upload, UploadReader};

/// Interim answers (100, 103) passed over before the real one.
const MAX_INTERIM: usize = 16;

/// Why a request got no answer head.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The connection ended or failed before a whole head came.
    #[error("the connection broke before the answer")]
    Broken(#[source] io::Error),
    /// What came is no head.
    #[error("the answer's head is refused: {0}")]
    Head(#[from] HeadError),
    /// The end of the answer cannot be told.
    #[error("the answer's body is refused: {0}")]
    Framing(#[from] FramingError),
    /// `101`, or interim answers without an end.
    #[error("the answer does not come to its point")]
    Interim,
}

/// Why an answer's body cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The connection ended or failed before the body did.
    #[error("the answer broke off")]
    Cut(#[source] io::Error),
    /// The chunked coding is broken.
    #[error("the answer is not chunked as it should be")]
    Chunks,
}

/// The head of a request, being written.
#[derive(Debug)]
pub struct RequestHeadWriter(BytesMut);

impl RequestHeadWriter {
    /// Begins with the request line. Target and method are the caller's to have checked.
    pub fn new(method: &str, target: &[&str]) -> Self {
        let mut text = BytesMut::with_capacity(1024);
        text.put_slice(method.as_bytes());
        text.put_u8(b' ');
        for part in target {
            text.put_slice(part.as_bytes());
        }
        text.put_slice(b" HTTP/1.1\r\n");
        Self(text)
    }

    /// One field. A value that cannot be in one (a control character) is left out with its name.
    pub fn field(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        put_field(&mut self.0, name.as_ref(), value.as_ref());
    }

    /// Lines as they are, each with its end.
    pub fn lines(&mut self, lines: &[u8]) {
        self.0.put_slice(lines);
    }

    /// Ends the head of a request with a body of this many bytes.
    pub fn finish(mut self, body_length: u64) -> Bytes {
        self.0.put_slice(b"content-length: ");
        put_number(&mut self.0, body_length);
        self.0.put_slice(b"\r\n\r\n");
        self.0.freeze()
    }

    /// Ends the head of a request with a body in chunks.
    pub fn finish_chunked(mut self) -> Bytes {
        self.0.put_slice(b"transfer-encoding: chunked\r\n\r\n");
        self.0.freeze()
    }
}

/// What follows the pieces of a request's body that are there when it is sent.
#[derive(Clone, Debug)]
pub struct Rest {
    /// The bytes, as they come.
    pub upload: Upload,
    /// The head says that the body comes in chunks. Otherwise it states a length, and the bytes must come to that.
    pub is_chunked: bool,
}

/// The rest of the present request, being sent.
#[derive(Debug)]
struct Uploading {
    reader: UploadReader,
    is_chunked: bool,
}

/// What came of an answer before its head is handed on.
#[derive(Debug, Default)]
struct Early {
    /// Interim answers passed over.
    interim: usize,
    /// A head that came while the request was still being sent.
    head: Option<ResponseHead>,
}

/// A connection to a host. Dropping it, or the future of a call, closes the socket.
#[derive(Debug)]
pub struct ClientConnection<S> {
    socket: S,
    /// Read, and not used yet.
    input: BytesMut,
    output: Output,
    /// What is to be sent after `output`.
    rest: Option<Box<Uploading>>,
    /// What is left of the present answer's body.
    body: Decoder,
    keep_alive: bool,
    sent: u64,
    received: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> ClientConnection<S> {
    /// A connection just made.
    pub fn new(socket: S) -> Self {
        Self {
            socket,
            input: BytesMut::new(),
            output: Output::default(),
            rest: None,
            body: Decoder::Done,
            keep_alive: true,
            sent: 0,
            received: false,
        }
    }

    /// Sends a request and waits for the head of its answer; interim ones are
    /// passed over. A host may answer before it has read everything: when it
    /// refuses, the rest is not sent, and the connection is not used again; any
    /// other head is kept until the request is whole, or cannot be.
    ///
    /// # Errors
    /// See [`SendError`]. Dropping the future leaves the connection in the
    /// middle of the request: drop it too.
    pub async fn send(
        &mut self,
        head: Bytes,
        body: impl IntoIterator<Item = Bytes>,
        rest: Option<Rest>,
    ) -> Result<ResponseHead, SendError> {
        self.output.push(head);
        match &rest {
            Some(rest) if rest.is_chunked => self.output.push_chunk(body.into_iter().collect::<Vec<_>>().into_iter()),
            _ => body.into_iter().for_each(|piece| self.output.push(piece)),
        }
        self.rest = rest
            .map(|Rest { upload, is_chunked }| Box::new(Uploading { reader: UploadReader::new(upload), is_chunked }));
        (self.sent, self.received) = (0, false);
        let mut early = Early::default();
        poll_fn(|cx| self.poll_answer(cx, &mut early)).await
    }

    fn poll_answer(&mut self, cx: &mut Context<'_>, early: &mut Early) -> Poll<Result<ResponseHead, SendError>> {
        let broken = match self.poll_send(cx) {
            Poll::Ready(Err(error)) => Some(error),
            Poll::Ready(Ok(())) | Poll::Pending => None,
        };
        let is_sending = broken.is_none() && !self.has_sent();
        while early.head.is_none() {
            match self.poll_head(cx) {
                Poll::Ready(Ok(head)) if head.status == 101 || early.interim == MAX_INTERIM => {
                    return Poll::Ready(Err(SendError::Interim));
                }
                Poll::Ready(Ok(head)) if head.status < 200 => early.interim += 1,
                Poll::Ready(Ok(head)) if head.status < 300 => early.head = Some(head),
                Poll::Ready(head) => return Poll::Ready(head.and_then(|head| self.begin(head))),
                // A host that refuses early closes before it has read all: what it said may be there to read.
                Poll::Pending => {
                    return broken.map_or(Poll::Pending, |error| Poll::Ready(Err(SendError::Broken(error))));
                }
            }
        }
        match early.head.take_if(|_| !is_sending) {
            Some(head) => Poll::Ready(self.begin(head)),
            None => Poll::Pending,
        }
    }

    /// Writes what there is of the request, to its end.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if !self.output.is_empty() {
                ready!(self.output.poll_flush(&mut self.socket, cx, &mut self.sent))?;
            }
            let Some(rest) = &mut self.rest else { return Poll::Ready(Ok(())) };
            match (ready!(rest.reader.poll_next(cx)), rest.is_chunked) {
                (Some(piece), true) => self.output.push_chunk([piece].into_iter()),
                (Some(piece), false) => self.output.push(piece),
                (None, is_chunked) => {
                    if is_chunked {
                        self.output.push(chunked::LAST_CHUNK);
                    }
                    self.rest = None;
                }
            }
        }
    }

    /// Whether the present request has left.
    fn has_sent(&self) -> bool {
        self.output.is_empty() && self.rest.is_none()
    }

    fn begin(&mut self, head: ResponseHead) -> Result<ResponseHead, SendError> {
        let framing = Framing::of_response(&head)?;
        self.keep_alive = head.keeps_alive() && framing != Framing::UntilClose && self.has_sent();
        (self.output, self.rest) = (Output::default(), None);
        self.body = Decoder::new(framing);
        Ok(head)
    }

    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<ResponseHead, SendError>> {
        loop {
            if !self.input.is_empty()
                && let Some((head, length)) = ResponseHead::parse(&self.input)?
            {
                let _ = self.input.split_to(length);
                return Poll::Ready(Ok(head));
            }
            let Self { socket, input, received, .. } = self;
            let read = scratch::poll_read(socket, cx, |bytes| {
                *received |= !bytes.is_empty();
                if input.is_empty()
                    && let Some((head, length)) = ResponseHead::parse(bytes)?
                {
                    input.extend_from_slice(&bytes[length..]);
                    return Ok(Some(Some(head)));
                }
                input.extend_from_slice(bytes);
                Ok(if bytes.is_empty() { None } else { Some(None) })
            });
            match ready!(read) {
                Ok(Ok(Some(Some(head)))) => return Poll::Ready(Ok(head)),
                Ok(Ok(Some(None))) => {}
                Ok(Ok(None)) => return Poll::Ready(Err(SendError::Broken(io::ErrorKind::UnexpectedEof.into()))),
                Ok(Err(error)) => return Poll::Ready(Err(SendError::Head(error))),
                Err(error) => return Poll::Ready(Err(SendError::Broken(error))),
            }
        }
    }

    /// Bytes that the system took of the present request.
    pub fn bytes_sent(&self) -> u64 {
        self.sent
    }

    /// Whether anything of an answer to the present request has come.
    pub fn has_received(&self) -> bool {
        self.received
    }

    /// What came next of the answer's body, as much as one read brings; `None` at its end.
    ///
    /// # Errors
    /// See [`ReadError`]; nothing further can be read then.
    pub fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, ReadError>> {
        loop {
            if self.body.is_done() {
                return Poll::Ready(Ok(None));
            }
            let mut data = BytesMut::new();
            if self.input.is_empty() {
                let Self { socket, input, body, .. } = self;
                let read = scratch::poll_read(socket, cx, |bytes| {
                    if bytes.is_empty() {
                        let whole = body.closed();
                        return if whole { Ok(()) } else { Err(ReadError::Cut(io::ErrorKind::UnexpectedEof.into())) };
                    }
                    let taken = body.decode(bytes, &mut data).map_err(|_| ReadError::Chunks)?;
                    input.extend_from_slice(&bytes[taken..]);
                    Ok(())
                });
                ready!(read).map_err(ReadError::Cut)??;
            } else {
                data = self.take_input()?;
            }
            if !data.is_empty() {
                return Poll::Ready(Ok(Some(data.freeze())));
            }
        }
    }

    /// What came together with the head.
    fn take_input(&mut self) -> Result<BytesMut, ReadError> {
        if let Decoder::Length(left) = self.body
            && self.input.len() as u64 <= left
        {
            let left = left - self.input.len() as u64;
            self.body = if left == 0 { Decoder::Done } else { Decoder::Length(left) };
            return Ok(std::mem::take(&mut self.input));
        }
        let mut data = BytesMut::new();
        let taken = self.body.decode(&self.input, &mut data).map_err(|_| ReadError::Chunks)?;
        let _ = self.input.split_to(taken);
        Ok(data)
    }

    /// The next piece of the body; see [`ClientConnection::poll_body`].
    ///
    /// # Errors
    /// See [`ReadError`]. Dropping the future loses nothing.
    pub async fn body(&mut self) -> Result<Option<Bytes>, ReadError> {
        poll_fn(|cx| self.poll_body(cx)).await
    }

    /// Whether the present answer was read to its end.
    pub fn is_done(&self) -> bool {
        self.body.is_done()
    }

    /// Whether another request can be sent: the last answer is whole, nothing
    /// came after it that nobody asked for, and the host has not closed.
    ///
    /// An answer of which only the framing's end is missing may be still
    /// completed by this look.
    pub fn is_ready(&mut self) -> bool {
        if !self.keep_alive || !self.output.is_empty() {
            return false;
        }
        let mut cx = Context::from_waker(Waker::noop());
        if !self.body.is_done() && !matches!(self.poll_body(&mut cx), Poll::Ready(Ok(None))) {
            return false;
        }
        self.input.is_empty() && scratch::poll_read(&mut self.socket, &mut cx, |_| ()).is_pending()
    }

    /// Whether it may be kept for another request, as far as is known without looking.
    pub fn may_be_kept(&self) -> bool {
        self.keep_alive && self.input.is_empty() && self.output.is_empty()
    }
}

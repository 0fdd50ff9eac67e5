//! A host's answer on the wire: where its head and body end, and whether the connection lives on.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::FutureExt;
use relay_http1::{ClientConnection, ReadError, RequestHeadWriter, ResponseHead, SendError};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::pieces;

/// All that a host sends on a connection, after a byte that says how it is cut.
///
/// # Panics
/// When where it is cut matters, when an answer that can be read in two ways is read at all,
/// when a body is not what its head announced, or when a connection is used again that must not be.
pub fn response(data: &[u8]) {
    let Some((&seed, sent)) = data.split_first() else { return };
    let read = Read::of(sent, 0);
    assert_eq!(read, Read::of(sent, seed), "cut in another way it says something else");
    if let Read::Answer { head, body, whole } = &read {
        assert_framed(sent, head, body, *whole);
    }
}

/// What was made of it.
#[derive(Debug, PartialEq, Eq)]
enum Read {
    None(&'static str),
    Answer { head: String, body: Vec<u8>, whole: Result<(), &'static str> },
}

impl Read {
    fn of(sent: &[u8], seed: u8) -> Self {
        let mut connection = ClientConnection::new(Wire(pieces(sent, seed).collect()));
        let request = RequestHeadWriter::new("POST", &["/"]).finish(2);
        let sending = connection.send(request, [Bytes::from_static(b"{}")], None).now_or_never();
        let head = match sending.unwrap_or_else(|| panic!("the wire never waits")) {
            Ok(head) => text_of(&head),
            Err(SendError::Broken(_)) => return Self::None("broken"),
            Err(SendError::Head(_)) => return Self::None("head"),
            Err(SendError::Framing(_)) => return Self::None("framing"),
            Err(SendError::Interim) => return Self::None("interim"),
        };
        let mut body = Vec::new();
        let whole = loop {
            match connection.body().now_or_never().unwrap_or_else(|| panic!("the wire never waits")) {
                Ok(Some(piece)) => body.extend_from_slice(&piece),
                Ok(None) => break Ok(()),
                Err(ReadError::Cut(_)) => break Err("cut"),
                Err(ReadError::Chunks) => break Err("chunks"),
            }
        };
        assert!(!connection.is_ready(), "the host has closed, or has sent what nobody asked for");
        // How much of a broken body came before the break was noticed depends on the pieces.
        let body = if whole == Err("chunks") { Vec::new() } else { body };
        Self::Answer { head, body, whole }
    }
}

/// Status line and fields, one a line.
fn text_of(head: &ResponseHead) -> String {
    assert!((200..=999).contains(&head.status));
    let fields = head.fields.iter().map(|(name, value)| {
        let (name, value) = (String::from_utf8_lossy(name), String::from_utf8_lossy(value));
        format!("{}: {value}\n", name.to_lowercase())
    });
    format!("{}\n{}", head.status, fields.collect::<String>())
}

/// Another reading of RFC 9112 §6, by whoever has all of the bytes.
fn assert_framed(sent: &[u8], head: &str, body: &[u8], whole: Result<(), &str>) {
    let values = |name: &str| -> Vec<&str> {
        head.lines().skip(1).filter_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).collect()
    };
    if head.starts_with("204\n") || head.starts_with("304\n") {
        return assert_eq!((body, whole), (&b""[..], Ok(())));
    }
    match (&values("content-length")[..], &values("transfer-encoding")[..]) {
        ([], []) => assert!(whole.is_ok() && sent.ends_with(body)),
        ([length], []) => {
            let length: usize = length.parse().unwrap_or_else(|_| panic!("{length} is no length"));
            assert!(if whole.is_ok() { body.len() == length } else { body.len() < length && sent.ends_with(body) });
        }
        ([], [coding]) => {
            assert!(coding.trim().eq_ignore_ascii_case("chunked"), "{coding}");
            // Interim answers come before: the body begins after the last head that is no body's.
            let starts = sent.windows(4).enumerate().filter(|(_, four)| *four == b"\r\n\r\n").map(|(at, _)| at + 4);
            let lenient = sent.windows(2).enumerate().filter(|(_, two)| *two == b"\n\n").map(|(at, _)| at + 2);
            let mixed = sent.windows(3).enumerate().filter(|(_, three)| *three == b"\n\r\n").map(|(at, _)| at + 3);
            let mut read = starts.chain(lenient).chain(mixed).map(|at| dechunked(&sent[at..]));
            assert!(whole != Ok(()) || read.any(|read| read.as_deref() == Some(body)), "{head} {body:?}");
        }
        conflict => panic!("{conflict:?} was taken for an answer"),
    }
}

/// A chunked body, read in one go; `None` when it is not whole or not well-formed.
fn dechunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.iter().position(|byte| *byte == b'\r')?;
        let (line, after) = (std::str::from_utf8(&rest[..end]).ok(), rest[end..].strip_prefix(b"\r\n")?);
        let digits = match line {
            Some(line) => line.split([';', ' ', '\t']).next()?,
            // An extension may be any bytes.
            None => std::str::from_utf8(rest.split(|byte| matches!(byte, b';' | b' ' | b'\t')).next()?).ok()?,
        };
        let size = usize::try_from(u64::from_str_radix(digits, 16).ok()?).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(after.get(..size)?);
        rest = after.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

/// A socket on which everything has been sent and then closed.
struct Wire<'a>(std::collections::VecDeque<&'a [u8]>);

impl AsyncRead for Wire<'_> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(piece) = self.0.pop_front() {
            let (now, later) = piece.split_at(piece.len().min(buffer.remaining()));
            buffer.put_slice(now);
            if !later.is_empty() {
                self.0.push_front(later);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire<'_> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

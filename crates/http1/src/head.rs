//! The heads of requests and answers (RFC 9112 §2–§5).

use std::mem::MaybeUninit;
use std::ops::Range;

use bytes::Bytes;
use httparse::{ParserConfig, Status};
use memchr::memchr;

use crate::fields::Fields;
use crate::{MAX_FIELDS, MAX_HEAD};

/// The protocol version of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// One request a connection unless `Connection: keep-alive`, and no chunks.
    Http10,
    /// HTTP/1.1.
    Http11,
}

/// Why bytes are no head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// Longer than [`MAX_HEAD`], or with more fields than [`MAX_FIELDS`].
    #[error("it is larger than {MAX_HEAD} bytes or has more than {MAX_FIELDS} fields")]
    TooLarge,
    /// Not HTTP/1.x.
    #[error("it is not HTTP/1.1")]
    Version,
    /// Anything else that the grammar does not allow.
    #[error("it is malformed in {0}")]
    Malformed(&'static str),
}

impl From<httparse::Error> for HeadError {
    fn from(error: httparse::Error) -> Self {
        match error {
            httparse::Error::TooManyHeaders => Self::TooLarge,
            httparse::Error::Version => Self::Version,
            httparse::Error::HeaderName => Self::Malformed("the name of a field"),
            httparse::Error::HeaderValue => Self::Malformed("the value of a field"),
            httparse::Error::NewLine => Self::Malformed("the end of a line"),
            httparse::Error::Status => Self::Malformed("the status"),
            httparse::Error::Token => Self::Malformed("the first line"),
        }
    }
}

/// A request's head.
#[derive(Clone, Debug)]
pub struct RequestHead {
    text: Bytes,
    method: Range<usize>,
    path: Range<usize>,
    query: Option<Range<usize>>,
    /// The version it was sent in.
    pub version: Version,
    /// Its header fields.
    pub fields: Fields,
}

impl RequestHead {
    /// Parses the head at the front of `input`, with its length; `None` while it is not all there.
    pub(crate) fn parse(input: &[u8]) -> Result<Option<(Self, usize)>, HeadError> {
        let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
        let mut parsed = httparse::Request::new(&mut []);
        let status = ParserConfig::default().parse_request_with_uninit_headers(&mut parsed, input, &mut fields)?;
        let Some(length) = whole(status, input)? else { return Ok(None) };
        let (Some(method), Some(target)) = (parsed.method, parsed.path) else {
            return Err(HeadError::Malformed("the first line"));
        };
        let text = Bytes::copy_from_slice(&input[..length]);
        let (path, query) = split_target(target)?;
        let place = |part: &str| {
            let start = part.as_ptr() as usize - input.as_ptr() as usize;
            start..start + part.len()
        };
        let head = Self {
            method: place(method),
            path: place(path),
            query: query.map(place),
            version: version(parsed.version)?,
            fields: Fields::new(text.clone(), input, parsed.headers),
            text,
        };
        Ok(Some((head, length)))
    }

    /// The method, as it was written.
    pub fn method(&self) -> &str {
        self.part(&self.method)
    }

    /// The path, percent-encoded as it came; begins with `/`.
    pub fn path(&self) -> &str {
        self.part(&self.path)
    }

    /// The query without its question mark.
    pub fn query(&self) -> Option<&str> {
        self.query.as_ref().map(|query| self.part(query))
    }

    /// Whether the client waits for `100 Continue` before it sends a body.
    pub fn expects_continue(&self) -> bool {
        self.version == Version::Http11 && self.fields.list_has("expect", "100-continue")
    }

    /// Whether another request may follow on the connection.
    pub fn keeps_alive(&self) -> bool {
        keeps_alive(self.version, &self.fields)
    }

    fn part(&self, range: &Range<usize>) -> &str {
        // Parsed from text, so it is.
        std::str::from_utf8(&self.text[range.clone()]).unwrap_or_default()
    }
}

/// An answer's head.
#[derive(Clone, Debug)]
pub struct ResponseHead {
    /// The status, 200 to 999: interim answers are passed over.
    pub status: u16,
    /// The version it was sent in.
    pub version: Version,
    /// Its header fields.
    pub fields: Fields,
}

impl ResponseHead {
    /// Parses the head at the front of `input`, with its length; `None` while it is not all there.
    pub(crate) fn parse(input: &[u8]) -> Result<Option<(Self, usize)>, HeadError> {
        let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
        let mut parsed = httparse::Response::new(&mut []);
        let status = ParserConfig::default().parse_response_with_uninit_headers(&mut parsed, input, &mut fields)?;
        let Some(length) = whole(status, input)? else { return Ok(None) };
        let status = parsed.code.filter(|code| (100..=999).contains(code)).ok_or(HeadError::Malformed("the status"))?;
        let text = Bytes::copy_from_slice(&input[..length]);
        let fields = Fields::new(text, input, parsed.headers);
        Ok(Some((Self { status, version: version(parsed.version)?, fields }, length)))
    }

    /// Whether another request may follow on the connection.
    pub fn keeps_alive(&self) -> bool {
        keeps_alive(self.version, &self.fields)
    }
}

/// The length of a whole head within the limit; `None` while more of it may come.
fn whole(status: Status<usize>, input: &[u8]) -> Result<Option<usize>, HeadError> {
    match status {
        Status::Complete(length) if length <= MAX_HEAD => Ok(Some(length)),
        Status::Partial if input.len() < MAX_HEAD => Ok(None),
        Status::Complete(_) | Status::Partial => Err(HeadError::TooLarge),
    }
}

fn version(minor: Option<u8>) -> Result<Version, HeadError> {
    match minor {
        Some(0) => Ok(Version::Http10),
        Some(1) => Ok(Version::Http11),
        _ => Err(HeadError::Version),
    }
}

fn keeps_alive(version: Version, fields: &Fields) -> bool {
    match version {
        Version::Http11 => !fields.list_has("connection", "close"),
        Version::Http10 => fields.list_has("connection", "keep-alive") && !fields.list_has("connection", "close"),
    }
}

/// Path and query of a target in origin or absolute form (RFC 9112 §3.2).
fn split_target(target: &str) -> Result<(&str, Option<&str>), HeadError> {
    const NO_TARGET: HeadError = HeadError::Malformed("the request target");
    // The path goes on to a host, and none of these has a meaning there.
    if !target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        return Err(NO_TARGET);
    }
    let origin = match target.split_once("://") {
        Some((scheme, rest)) if !target.starts_with('/') => {
            if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
                return Err(NO_TARGET);
            }
            &rest[memchr(b'/', rest.as_bytes()).ok_or(NO_TARGET)?..]
        }
        _ => target,
    };
    if !origin.starts_with('/') {
        return Err(NO_TARGET);
    }
    Ok(match origin.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (origin, None),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> Result<Option<(RequestHead, usize)>, HeadError> {
        RequestHead::parse(text.as_bytes())
    }

    #[test]
    fn a_request_is_read_as_it_was_written() {
        let text = "POST /v1/x?beta=true&a=%20 HTTP/1.1\r\nHost: a\r\nsession_id:  S1 \r\nX-Empty:\r\n\r\nbody";
        let (head, length) = request(text).unwrap().unwrap();
        assert_eq!(&text[length..], "body");
        assert_eq!((head.method(), head.path(), head.query()), ("POST", "/v1/x", Some("beta=true&a=%20")));
        assert_eq!(head.fields.text("session_id"), Some("S1"));
        assert_eq!(
            head.fields.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            [&b"Host"[..], b"session_id", b"X-Empty"]
        );
        assert!(head.keeps_alive() && !head.expects_continue());
    }

    #[test]
    fn targets_in_absolute_form_lose_their_authority() {
        let (head, _) = request("GET http://relay:1/v1/models?a HTTP/1.1\r\n\r\n").unwrap().unwrap();
        assert_eq!((head.path(), head.query()), ("/v1/models", Some("a")));
        for target in ["*", "relay:80", "ftp://a/b", "http://a", "/a#b", "/\u{e9}"] {
            let refused = request(&format!("GET {target} HTTP/1.1\r\n\r\n"));
            assert!(matches!(refused, Err(HeadError::Malformed(_))), "{target}");
        }
        // A colon and slashes inside a path are part of it.
        let (head, _) = request("GET /a://b HTTP/1.1\r\n\r\n").unwrap().unwrap();
        assert_eq!(head.path(), "/a://b");
    }

    #[test]
    fn a_head_that_is_not_all_there_is_waited_for_within_the_limit() {
        let whole = "GET / HTTP/1.1\r\nA: b\r\n\r\n";
        for cut in 0..whole.len() {
            assert!(request(&whole[..cut]).unwrap().is_none(), "{cut}");
        }
        let endless = format!("GET / HTTP/1.1\r\nA: {}", "b".repeat(MAX_HEAD));
        assert_eq!(request(&endless).unwrap_err(), HeadError::TooLarge);
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(MAX_FIELDS + 1));
        assert_eq!(request(&many).unwrap_err(), HeadError::TooLarge);
    }

    #[test]
    fn what_is_not_http_1_is_refused() {
        assert_eq!(request("GET / HTTP/2.0\r\n\r\n").unwrap_err(), HeadError::Version);
        for junk in
            ["GET /\r\n\r\n", "\u{16}\u{3}\u{1}", "GET / HTTP/1.1\r\nA b: c\r\n\r\n", "GET / HTTP/1.1\r\n A: b\r\n\r\n"]
        {
            assert!(request(junk).is_err(), "{junk:?}");
        }
    }

    #[test]
    fn an_answer_tells_whether_another_may_follow() {
        let alive = |text: &str| ResponseHead::parse(text.as_bytes()).unwrap().unwrap().0.keeps_alive();
        assert!(alive("HTTP/1.1 200 OK\r\n\r\n"));
        assert!(alive("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n\r\n"));
        assert!(!alive("HTTP/1.1 200 OK\r\nConnection: x, Close\r\n\r\n"));
        assert!(!alive("HTTP/1.0 200 OK\r\n\r\n"));
        assert!(ResponseHead::parse(b"HTTP/1.1 099 X\r\n\r\n").is_err());
        assert!(ResponseHead::parse(b"<html>").is_err());
    }
}

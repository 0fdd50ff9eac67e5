//! Where a body ends (RFC 9112 §6.3), without the leniency that lets two
//! parties see different ends (request smuggling; spec §10).

use crate::fields::Fields;
use crate::head::{RequestHead, ResponseHead, Version};

/// How a body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// This many bytes.
    Length(u64),
    /// Chunks.
    Chunked,
    /// The end of the connection.
    UntilClose,
}

/// Why the end of a body cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// Two ways to find the end, which could differ.
    #[error("Content-Length and Transfer-Encoding together")]
    Conflict,
    /// `Content-Length` is no single number.
    #[error("a Content-Length that is no single number")]
    Length,
    /// A coding other than `chunked`.
    #[error("a Transfer-Encoding other than chunked")]
    Coding,
}

impl Framing {
    /// The body of a request; none at all is a length of 0.
    pub(crate) fn of_request(head: &RequestHead) -> Result<Self, FramingError> {
        Ok(declared(&head.fields, head.version)?.unwrap_or(Self::Length(0)))
    }

    /// The body of an answer to anything but `HEAD`.
    pub(crate) fn of_response(head: &ResponseHead) -> Result<Self, FramingError> {
        if matches!(head.status, 204 | 304) {
            return Ok(Self::Length(0));
        }
        Ok(declared(&head.fields, head.version)?.unwrap_or(Self::UntilClose))
    }
}

fn declared(fields: &Fields, version: Version) -> Result<Option<Framing>, FramingError> {
    let (mut length, mut coded) = (None, false);
    for (name, value) in fields.iter() {
        if name.eq_ignore_ascii_case(b"content-length") {
            let value = number(value).ok_or(FramingError::Length)?;
            if length.replace(value).is_some() {
                return Err(FramingError::Length);
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if coded || version == Version::Http10 || !value.trim_ascii().eq_ignore_ascii_case(b"chunked") {
                return Err(FramingError::Coding);
            }
            coded = true;
        }
    }
    match (length, coded) {
        (Some(_), true) => Err(FramingError::Conflict),
        (Some(length), false) => Ok(Some(Framing::Length(length))),
        (None, true) => Ok(Some(Framing::Chunked)),
        (None, false) => Ok(None),
    }
}

/// Digits only: `u64::from_str` would take a sign too.
fn number(value: &[u8]) -> Option<u64> {
    if !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(fields: &[(&str, &str)], expected: Result<Framing, FramingError>) {
        let lines: Vec<String> = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let text = format!("POST / HTTP/1.1\r\n{}\r\n", lines.concat());
        let (head, _) = RequestHead::parse(text.as_bytes()).unwrap().unwrap();
        assert_eq!(Framing::of_request(&head), expected, "{fields:?}");
    }

    #[test]
    fn a_request_has_one_end() {
        check(&[], Ok(Framing::Length(0)));
        check(&[("Content-Length", "12")], Ok(Framing::Length(12)));
        check(&[("transfer-encoding", "Chunked")], Ok(Framing::Chunked));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        check(&[("Content-Length", "1"), ("Transfer-Encoding", "chunked")], Err(FramingError::Conflict));
        check(&[("Transfer-Encoding", "chunked"), ("Content-Length", "1")], Err(FramingError::Conflict));
        for length in ["1, 1", "+1", "-1", "0x1", "1 1", "", "99999999999999999999"] {
            check(&[("Content-Length", length)], Err(FramingError::Length));
        }
        check(&[("Content-Length", "1"), ("Content-Length", "1")], Err(FramingError::Length));
        for coding in ["gzip, chunked", "chunked, chunked", "identity", "xchunked", ""] {
            check(&[("Transfer-Encoding", coding)], Err(FramingError::Coding));
        }
        check(&[("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")], Err(FramingError::Coding));
    }

    #[test]
    fn an_answer_may_end_with_its_connection_or_have_no_body() {
        let framing = |text: &str| Framing::of_response(&ResponseHead::parse(text.as_bytes()).unwrap().unwrap().0);
        assert_eq!(framing("HTTP/1.1 200 OK\r\n\r\n"), Ok(Framing::UntilClose));
        assert_eq!(framing("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"), Ok(Framing::Length(0)));
        assert_eq!(framing("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), Err(FramingError::Coding));
    }
}

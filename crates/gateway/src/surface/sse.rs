//! Server-sent events cut out of a byte stream, whatever the chunk boundaries
//! (WHATWG HTML, "Parsing an event stream"). Events stay the bytes they were.

use std::borrow::Cow;
use std::ops::Range;

use bytes::{Bytes, BytesMut};
use memchr::{memchr, memchr_iter};

/// Longest event held back to be looked at whole. A longer one is passed on in
/// pieces as [`Piece::Oversize`], so that memory stays bounded.
const MAX_EVENT: usize = 4 * 1024 * 1024;

/// What the splitter hands out, in order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// One event with the blank line that ends it.
    Event(Bytes),
    /// Part of an event too long to hold; not looked at.
    Oversize(Bytes),
}

/// Cuts chunks into events.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    /// Bytes of an event whose end has not been seen.
    pending: BytesMut,
    /// A chunk that still holds whole events: no copy is made of those.
    current: Bytes,
    /// How far `pending` has been searched for an end.
    searched: usize,
    /// Inside an event whose head was passed on already.
    oversize: bool,
}

impl Splitter {
    /// Takes the next chunk; [`Splitter::next_piece`] must have run dry before.
    pub(crate) fn push(&mut self, chunk: Bytes) {
        debug_assert!(self.current.is_empty(), "pieces of the last chunk were not taken");
        if self.pending.is_empty() {
            self.current = chunk;
        } else {
            self.pending.extend_from_slice(&chunk);
        }
    }

    /// The next piece, or `None` when more bytes are needed.
    pub(crate) fn next_piece(&mut self) -> Option<Piece> {
        if !self.current.is_empty() {
            if let Some(end) = event_end(&self.current, 0) {
                return Some(self.whole(end));
            }
            self.pending.extend_from_slice(&self.current);
            self.current = Bytes::new();
            self.searched = 0;
        }
        // An end can straddle the searched part by the bytes of one line ending.
        if let Some(end) = event_end(&self.pending, self.searched.saturating_sub(3)) {
            self.searched = 0;
            self.current = self.pending.split().freeze();
            return Some(self.whole(end));
        }
        self.searched = self.pending.len();
        if self.pending.len() > MAX_EVENT {
            // The last bytes may be half a blank line: they stay to be seen with what follows.
            let part = self.pending.split_to(self.pending.len() - 3).freeze();
            self.searched = 0;
            self.oversize = true;
            return Some(Piece::Oversize(part));
        }
        None
    }

    fn whole(&mut self, end: usize) -> Piece {
        let event = self.current.split_to(end);
        if std::mem::take(&mut self.oversize) { Piece::Oversize(event) } else { Piece::Event(event) }
    }

    /// Bytes of an event that is not whole yet.
    pub(crate) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// What is left when the stream has ended: an event without its blank line, or half of one.
    pub(crate) fn into_rest(self) -> Bytes {
        self.pending.freeze()
    }
}

/// Where the first event that ends at or after `from` ends: past its blank line.
fn event_end(bytes: &[u8], from: usize) -> Option<usize> {
    memchr_iter(b'\n', bytes.get(from..)?).map(|at| from + at).find_map(|at| match bytes[at + 1..] {
        // A blank line at the very beginning is an event of its own (nothing).
        _ if at == 0 || (at == 1 && bytes[0] == b'\r') => Some(at + 1),
        [b'\n', ..] => Some(at + 2),
        [b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    })
}

/// The parts of an event that matter.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields<'a> {
    /// The `event:` field.
    pub(crate) name: &'a [u8],
    /// The `data:` lines; `None` when there are none (a comment, or a bare name).
    pub(crate) data: Option<Cow<'a, [u8]>>,
}

/// Reads an event's fields. One `data:` line is borrowed, so that its place in
/// the event is known; several are joined by line feeds.
pub(crate) fn fields(event: &[u8]) -> Fields<'_> {
    let mut fields = Fields::default();
    for line in lines(event) {
        if let Some(value) = data_in(line) {
            match &mut fields.data {
                None => fields.data = Some(Cow::Borrowed(value)),
                Some(data) => {
                    let data = data.to_mut();
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
            }
        } else if let Some(value) = line.strip_prefix(b"event:") {
            fields.name = value.trim_ascii();
        }
    }
    fields
}

/// An event's data, on its own.
pub(crate) fn data_of_event(event: &[u8]) -> Bytes {
    let bare = || bare_json(event).unwrap_or_default().into();
    Bytes::copy_from_slice(&fields(event).data.unwrap_or_else(bare))
}

/// A JSON text as one event, whatever lines it is laid out in.
pub(super) fn event_of(json: &[u8]) -> Bytes {
    let mut event = Vec::with_capacity(json.len() + 16);
    for line in json.split(|byte| *byte == b'\n') {
        event.extend_from_slice(b"data: ");
        event.extend_from_slice(line);
        event.push(b'\n');
    }
    event.push(b'\n');
    event.into()
}

/// A JSON object or array that stands in a stream without a field name, as far
/// as its beginning tells.
pub(crate) fn bare_json(event: &[u8]) -> Option<&[u8]> {
    let text = event.trim_ascii();
    text.starts_with(b"{").then_some(text).or_else(|| text.starts_with(b"[").then_some(text))
}

/// Where `span` of an event's joined data stands in the event; `None` when it runs over the end of a line.
pub(crate) fn span_in_event(event: &[u8], span: &Range<usize>) -> Option<Range<usize>> {
    let mut joined = 0;
    for value in lines(event).filter_map(data_in) {
        if span.start < joined + value.len() {
            let start = value.as_ptr() as usize - event.as_ptr() as usize + (span.start - joined);
            return (span.end <= joined + value.len()).then(|| start..start + span.len());
        }
        joined += value.len() + 1;
    }
    None
}

/// Lines without their ends. A byte order mark, which a stream may begin with, belongs to none.
fn lines(event: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = event.strip_prefix(b"\xef\xbb\xbf").unwrap_or(event);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (line, after) = match memchr(b'\n', rest) {
            Some(at) => (&rest[..at], &rest[at + 1..]),
            None => (rest, &rest[..0]),
        };
        rest = after;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    })
}

fn data_in(line: &[u8]) -> Option<&[u8]> {
    let value = line.strip_prefix(b"data:")?;
    Some(value.strip_prefix(b" ").unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(stream: &[u8], sizes: impl IntoIterator<Item = usize>) -> (Vec<Bytes>, Bytes) {
        let mut splitter = Splitter::default();
        let mut events = Vec::new();
        let mut rest = stream;
        for size in sizes {
            let (chunk, after) = rest.split_at(size.min(rest.len()));
            rest = after;
            splitter.push(Bytes::copy_from_slice(chunk));
            while let Some(piece) = splitter.next_piece() {
                match piece {
                    Piece::Event(bytes) | Piece::Oversize(bytes) => events.push(bytes),
                }
            }
        }
        (events, splitter.into_rest())
    }

    #[test]
    fn events_end_at_blank_lines_of_either_kind() {
        let stream = b"data: a\n\ndata: b\r\n\r\n: c\n\nevent: x\r\ndata: d\n\r\ndata: half";
        let (events, rest) = split(stream, [stream.len()]);
        let texts: Vec<&[u8]> = events.iter().map(|event| &event[..]).collect();
        assert_eq!(texts, [&b"data: a\n\n"[..], b"data: b\r\n\r\n", b": c\n\n", b"event: x\r\ndata: d\n\r\n"]);
        assert_eq!(&rest[..], b"data: half");
    }

    #[test]
    fn fields_are_read_with_and_without_the_space() {
        assert_eq!(fields(b"data:x\n\n").data.as_deref(), Some(&b"x"[..]));
        assert_eq!(
            fields(b"event: ping\r\ndata: x\r\n\r\n"),
            Fields { name: b"ping", data: Some(Cow::Borrowed(b"x")) }
        );
        assert_eq!(fields(b"data: a\ndata: b\n\n").data.as_deref(), Some(&b"a\nb"[..]));
        assert_eq!(fields(b": comment\n\n").data, None);
    }

    #[test]
    fn a_place_in_joined_data_is_found_in_the_event() {
        let event = b"event: x\r\ndata: {\r\ndata:  \"model\":\r\ndata:\"m\"\r\n: c\r\ndata: }\r\n\r\n";
        let data = fields(event).data.unwrap();
        assert_eq!(&data[..], b"{\n \"model\":\n\"m\"\n}");
        for text in [&b"\"m\""[..], b"{", b"}", b"\"model\":"] {
            let start = data.windows(text.len()).position(|window| window == text).unwrap();
            let span = span_in_event(event, &(start..start + text.len())).unwrap();
            assert_eq!(&event[span], text);
        }
        assert_eq!(span_in_event(event, &(0..5)), None);
    }

    #[test]
    fn an_event_too_long_to_hold_is_passed_on_in_pieces() {
        let mut splitter = Splitter::default();
        splitter.push(Bytes::from(vec![b'x'; MAX_EVENT + 10]));
        assert!(matches!(splitter.next_piece(), Some(Piece::Oversize(part)) if part.len() == MAX_EVENT + 7));
        assert_eq!(splitter.next_piece(), None);
        splitter.push(Bytes::from_static(b"\n\ndata: small\n\n"));
        assert_eq!(splitter.next_piece(), Some(Piece::Oversize(Bytes::from_static(b"xxx\n\n"))));
        assert_eq!(splitter.next_piece(), Some(Piece::Event(Bytes::from_static(b"data: small\n\n"))));
    }

    proptest! {
        #[test]
        fn chunk_boundaries_never_matter(
            parts in prop::collection::vec(prop_oneof!["data: é{1,3}", "\\n", "\\r\\n", ": ping", "event: x"], 0..40),
            sizes in prop::collection::vec(1usize..9, 400),
        ) {
            let stream = parts.concat();
            let whole = split(stream.as_bytes(), [stream.len()]);
            let cut = split(stream.as_bytes(), sizes);
            prop_assert_eq!(&whole, &cut);
            let again: Vec<u8> = whole.0.iter().flat_map(|event| event.to_vec()).chain(whole.1.to_vec()).collect();
            prop_assert_eq!(again, stream.as_bytes());
        }
    }
}

//! The chunked coding (RFC 9112 §7.1), read and written.

use bytes::{BufMut, Bytes, BytesMut};
use memchr::memchr;

/// Sizes, extensions and trailers carry nothing for us; so much of them may
/// come without any data in between.
const MAX_OVERHEAD: usize = 64 * 1024;

/// What ends a chunked body.
pub(crate) const LAST_CHUNK: Bytes = Bytes::from_static(b"0\r\n\r\n");

/// The line that begins a chunk of `length` bytes.
pub(crate) fn begin(out: &mut BytesMut, length: usize) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let first = (usize::BITS - length.leading_zeros()).div_ceil(4).max(1);
    for digit in (0..first).rev() {
        out.put_u8(DIGITS[length >> (4 * digit) & 0xf]);
    }
    out.put_slice(b"\r\n");
}

/// The coding is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadChunk;

/// Reads a chunked body, whatever the boundaries of its input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunks {
    at: At,
    /// Bytes that may still come without data.
    overhead: usize,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// A digit of a chunk's size; how many there were, and the size so far.
    Size {
        digits: u8,
        size: u64,
    },
    /// The rest of a size's line: an extension, or spaces.
    Extension {
        size: u64,
    },
    /// The line feed after a size.
    SizeEnd {
        size: u64,
    },
    Data {
        left: u64,
    },
    /// The carriage return after a chunk's data, then its line feed.
    DataEnd,
    DataFeed,
    /// The beginning of a trailer line, or the final one.
    TrailerStart,
    /// Inside a trailer line.
    Trailer,
    /// The line feed that ends the body.
    LastFeed,
    Done,
}

impl Default for Chunks {
    fn default() -> Self {
        Self { at: At::Size { digits: 0, size: 0 }, overhead: MAX_OVERHEAD }
    }
}

impl Chunks {
    pub(crate) fn is_done(&self) -> bool {
        self.at == At::Done
    }

    /// Takes what belongs to the body from the front of `input` and puts its
    /// data into `out`. Returns how many bytes of `input` that were.
    pub(crate) fn decode(&mut self, input: &[u8], out: &mut BytesMut) -> Result<usize, BadChunk> {
        let mut rest = input;
        while let (false, Some((&byte, after))) = (self.is_done(), rest.split_first()) {
            if let At::Data { left } = self.at {
                let take = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                out.extend_from_slice(&rest[..take]);
                rest = &rest[take..];
                let left = left - take as u64;
                self.at = if left == 0 { At::DataEnd } else { At::Data { left } };
                self.overhead = MAX_OVERHEAD;
                continue;
            }
            let skipped = self.step(byte, after)?;
            rest = &after[skipped..];
            self.overhead = self.overhead.checked_sub(1 + skipped).ok_or(BadChunk)?;
        }
        Ok(input.len() - rest.len())
    }

    /// One byte that is no data; returns how many of those `after` it went with it.
    fn step(&mut self, byte: u8, after: &[u8]) -> Result<usize, BadChunk> {
        self.at = match (self.at, byte) {
            (At::Size { digits, size }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') if digits < 16 => {
                let digit = (byte as char).to_digit(16).ok_or(BadChunk)?;
                At::Size { digits: digits + 1, size: size << 4 | u64::from(digit) }
            }
            (At::Size { digits: 1.., size } | At::Extension { size }, b'\r') => At::SizeEnd { size },
            (At::Size { digits: 1.., size }, b';' | b' ' | b'\t') => At::Extension { size },
            // A bare line feed could end the line for somebody else.
            (At::Extension { size }, _) if byte != b'\n' => At::Extension { size },
            (At::SizeEnd { size: 0 }, b'\n') => At::TrailerStart,
            (At::SizeEnd { size }, b'\n') => At::Data { left: size },
            (At::DataEnd, b'\r') => At::DataFeed,
            (At::DataFeed, b'\n') => At::Size { digits: 0, size: 0 },
            (At::TrailerStart, b'\r') => At::LastFeed,
            (At::LastFeed, b'\n') => At::Done,
            (At::TrailerStart | At::Trailer, _) => {
                let Some(end) = (if byte == b'\n' { Some(0) } else { memchr(b'\n', after).map(|at| at + 1) }) else {
                    self.at = At::Trailer;
                    return Ok(after.len());
                };
                self.at = At::TrailerStart;
                return Ok(end);
            }
            _ => return Err(BadChunk),
        };
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(pieces: &[&[u8]]) -> Result<(Vec<u8>, usize, bool), BadChunk> {
        let (mut chunks, mut out, mut consumed) = (Chunks::default(), BytesMut::new(), 0);
        for piece in pieces {
            consumed += chunks.decode(piece, &mut out)?;
        }
        Ok((out.to_vec(), consumed, chunks.is_done()))
    }

    #[test]
    fn a_body_ends_at_its_last_chunk() {
        let body = b"5\r\nhello\r\nC;ext=\"x\"\r\n, and more!!\r\n0\r\nTrailer: x\r\n\r\nHTTP/1.1";
        let (out, consumed, done) = decode(&[body]).unwrap();
        assert_eq!((&out[..], done), (&b"hello, and more!!"[..], true));
        assert_eq!(&body[consumed..], b"HTTP/1.1");
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_broken() {
        for body in [
            "\r\n",
            "x\r\n",
            "-1\r\n",
            "5\nhello\r\n",
            "5\r\nhello\n0\r\n",
            "5\r\nhelloo\r\n",
            "5;a\nb\r\nhello\r\n",
            "00000000000000001\r\nx",
            ";\r\n",
        ] {
            assert_eq!(decode(&[body.as_bytes()]), Err(BadChunk), "{body:?}");
        }
    }

    #[test]
    fn sizes_and_trailers_are_bounded() {
        let extension = format!("1;{}", "a".repeat(MAX_OVERHEAD));
        assert_eq!(decode(&[extension.as_bytes()]), Err(BadChunk));
        let trailers = format!("0\r\n{}", "a: b\r\n".repeat(MAX_OVERHEAD));
        assert_eq!(decode(&[trailers.as_bytes()]), Err(BadChunk));
    }

    #[test]
    fn a_long_body_may_have_any_number_of_chunks() {
        let body = format!("{}0\r\n\r\n", "1;x\r\na\r\n".repeat(MAX_OVERHEAD));
        assert_eq!(decode(&[body.as_bytes()]).map(|(out, _, done)| (out.len(), done)), Ok((MAX_OVERHEAD, true)));
    }

    #[test]
    fn sizes_are_written_in_hexadecimal() {
        for (length, text) in [(1, "1\r\n"), (15, "f\r\n"), (16, "10\r\n"), (0xabcde, "abcde\r\n")] {
            let mut out = BytesMut::new();
            begin(&mut out, length);
            assert_eq!(&out[..], text.as_bytes());
        }
    }

    proptest! {
        #[test]
        fn boundaries_of_the_input_never_matter(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..8),
            sizes in prop::collection::vec(1usize..7, 0..200),
        ) {
            let mut body = BytesMut::new();
            for chunk in &chunks {
                begin(&mut body, chunk.len());
                body.extend_from_slice(chunk);
                body.extend_from_slice(b"\r\n");
            }
            body.extend_from_slice(&LAST_CHUNK);
            let (mut rest, mut pieces) = (&body[..], Vec::new());
            for size in sizes {
                let (piece, after) = rest.split_at(size.min(rest.len()));
                pieces.push(piece);
                rest = after;
            }
            pieces.push(rest);
            prop_assert_eq!(decode(&pieces).unwrap(), (chunks.concat(), body.len(), true));
        }
    }
}

//! The canonical bytes of a row: what is hashed, and what the journal holds.
//!
//! A row is its kind and the values of all its columns but the hash, in
//! column order, each as a tag and a payload. The writer encodes a record
//! once; those very bytes are hashed, appended to the journal, decoded again
//! when the row is filed in SQLite, and re-made from the SQLite row when the
//! log is verified. So there is one definition of a row, and nothing can be
//! stored that is not covered by the hash.

use std::io::Write as _;

use rusqlite::types::ValueRef;

/// Bytes of a blake3 hash.
pub(crate) const HASH_BYTES: usize = 32;

/// The hash of a row, which the next row of the segment is chained to.
pub(crate) type Hash = [u8; HASH_BYTES];

const NULL: u8 = 0;
const INTEGER: u8 = 1;
const TEXT: u8 = 2;

/// Which of a segment's two tables a row belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Intent = 1,
    Outcome = 2,
}

/// Hashes a row's canonical bytes onto the row before it.
pub(crate) fn chained(previous: &Hash, row: &[u8]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(previous);
    hasher.update(row);
    *hasher.finalize().as_bytes()
}

/// Writes canonical values at the end of a buffer that is reused.
pub(crate) struct Encoder<'b>(pub(crate) &'b mut Vec<u8>);

impl Encoder<'_> {
    /// Bytes of an encoded integer.
    pub(crate) const INTEGER_BYTES: usize = 9;

    /// Bytes of an encoded text.
    pub(crate) fn text_bytes(text: &str) -> usize {
        1 + size_of::<u32>() + text.len()
    }

    pub(crate) fn kind(&mut self, kind: Kind) {
        self.0.push(kind as u8);
    }

    pub(crate) fn null(&mut self) {
        self.0.push(NULL);
    }

    pub(crate) fn integer(&mut self, value: i64) {
        let mut bytes = [INTEGER; Self::INTEGER_BYTES];
        bytes[1..].copy_from_slice(&value.to_le_bytes());
        self.0.extend_from_slice(&bytes);
    }

    /// Writes a number; SQLite has no larger one than the largest `i64`, and a negative one would be taken from sums.
    pub(crate) fn unsigned(&mut self, value: u64) {
        self.integer(i64::try_from(value).unwrap_or(i64::MAX));
    }

    pub(crate) fn text(&mut self, value: &str) {
        self.bytes(TEXT, value.as_bytes());
    }

    pub(crate) fn optional_unsigned(&mut self, value: Option<u64>) {
        match value {
            Some(value) => self.unsigned(value),
            None => self.null(),
        }
    }

    pub(crate) fn optional_integer(&mut self, value: Option<i64>) {
        match value {
            Some(value) => self.integer(value),
            None => self.null(),
        }
    }

    pub(crate) fn optional_text(&mut self, value: Option<&str>) {
        match value {
            Some(value) => self.text(value),
            None => self.null(),
        }
    }

    /// Writes a value as JSON text, straight into the buffer.
    pub(crate) fn json(&mut self, value: &impl serde::Serialize) {
        self.0.push(TEXT);
        let length_at = self.0.len();
        self.0.extend_from_slice(&[0; 4]);
        let written = serde_json::to_writer(&mut *self.0, value);
        debug_assert!(written.is_ok(), "records have string keys and a Vec cannot fail to be written to");
        let length = (self.0.len() - length_at - 4) as u32;
        self.0[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
    }

    /// Writes what SQLite holds in a column. `false` for a type that no column of ours has.
    pub(crate) fn value(&mut self, value: ValueRef<'_>) -> bool {
        match value {
            ValueRef::Null => self.null(),
            ValueRef::Integer(value) => self.integer(value),
            ValueRef::Text(bytes) => self.bytes(TEXT, bytes),
            ValueRef::Real(_) | ValueRef::Blob(_) => return false,
        }
        true
    }

    fn bytes(&mut self, tag: u8, bytes: &[u8]) {
        self.0.push(tag);
        let _ = self.0.write_all(&(bytes.len() as u32).to_le_bytes());
        self.0.extend_from_slice(bytes);
    }
}

/// A decoded value, borrowed from the row's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'r> {
    Null,
    Integer(i64),
    Text(&'r str),
}

impl<'r> Value<'r> {
    /// The text; empty when it is none.
    pub(crate) fn text(self) -> &'r str {
        match self {
            Self::Text(text) => text,
            _ => "",
        }
    }

    pub(crate) fn integer(self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(value),
            _ => None,
        }
    }
}

/// Reads canonical values one after the other; `None` at the end or where the bytes are not canonical.
pub(crate) struct Decoder<'r>(pub(crate) &'r [u8]);

impl<'r> Decoder<'r> {
    pub(crate) fn kind(&mut self) -> Option<Kind> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        match first {
            1 => Some(Kind::Intent),
            2 => Some(Kind::Outcome),
            _ => None,
        }
    }

    pub(crate) fn next(&mut self) -> Option<Value<'r>> {
        let (&tag, rest) = self.0.split_first()?;
        match tag {
            NULL => {
                self.0 = rest;
                Some(Value::Null)
            }
            INTEGER => {
                let (bytes, rest) = rest.split_first_chunk::<8>()?;
                self.0 = rest;
                Some(Value::Integer(i64::from_le_bytes(*bytes)))
            }
            TEXT => {
                let (length, rest) = rest.split_first_chunk::<4>()?;
                let (text, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
                self.0 = rest;
                Some(Value::Text(std::str::from_utf8(text).ok()?))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_as_they_were_written() {
        let mut buffer = Vec::new();
        let mut encoder = Encoder(&mut buffer);
        encoder.kind(Kind::Outcome);
        encoder.integer(-7);
        encoder.text("gpt-5 \u{1f980}");
        encoder.optional_unsigned(None);
        encoder.unsigned(u64::MAX);
        encoder.json(&["a", "b"]);
        let mut decoder = Decoder(&buffer);
        assert_eq!(decoder.kind(), Some(Kind::Outcome));
        assert_eq!(decoder.next(), Some(Value::Integer(-7)));
        assert_eq!(decoder.next(), Some(Value::Text("gpt-5 \u{1f980}")));
        assert_eq!(decoder.next(), Some(Value::Null));
        assert_eq!(decoder.next(), Some(Value::Integer(i64::MAX)));
        assert_eq!(decoder.next(), Some(Value::Text(r#"["a","b"]"#)));
        assert_eq!(decoder.next(), None);
    }

    #[test]
    fn cut_bytes_are_no_value() {
        let mut buffer = Vec::new();
        Encoder(&mut buffer).text("route");
        for cut in 0..buffer.len() {
            assert_eq!(Decoder(&buffer[..cut]).next(), None);
        }
    }
}

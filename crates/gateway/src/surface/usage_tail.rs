//! The usage of an answer that is too large to be read whole: it stands at the end, and the end is all that is kept.

use bytes::{Buf, BytesMut};
use memchr::memmem;
use relay_ledger::Usage;
use serde_json::value::RawValue;

use super::Dialect;

/// How much of the end is kept. A usage has some hundreds of bytes, and little follows it; and there may be no memory for more.
const KEPT: usize = 8 * 1024;

/// Keeps the end of an answer in one piece.
pub(crate) struct UsageTail {
    dialect: &'static Dialect,
    end: BytesMut,
}

impl UsageTail {
    pub(crate) fn new(dialect: &'static Dialect) -> Self {
        Self { dialect, end: BytesMut::new() }
    }

    /// Takes what came next.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.end.extend_from_slice(&bytes[bytes.len().saturating_sub(KEPT)..]);
        self.end.advance(self.end.len().saturating_sub(KEPT));
    }

    /// What the answer has told of its usage, as far as its end says.
    pub(crate) fn usage(&self) -> Option<Usage> {
        ["usage", "usageMetadata"].into_iter().find_map(|name| self.member(name))
    }

    /// Reads the last member of this name. Inside of a text its quotes would be escaped.
    fn member(&self, name: &str) -> Option<Usage> {
        let quoted = format!("\"{name}\"");
        let at = memmem::rfind(&self.end, quoted.as_bytes())?;
        let value = self.end[at + quoted.len()..].trim_ascii_start().strip_prefix(b":")?;
        let value = serde_json::Deserializer::from_slice(value).into_iter::<&RawValue>().next()?.ok()?;
        let read = self.dialect.whole(format!("{{{quoted}:{}}}", value.get()).as_bytes())?;
        read.counts.and_then(|counts| counts.usage())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{embeddings::EMBEDDINGS, gemini::GEMINI};
    use super::*;

    fn input(dialect: &'static Dialect, answer: &str, piece: usize) -> Option<u64> {
        let mut tail = UsageTail::new(dialect);
        answer.as_bytes().chunks(piece).for_each(|piece| tail.push(piece));
        assert!(tail.end.len() <= KEPT);
        tail.usage().and_then(|usage| usage.input)
    }

    #[test]
    fn the_usage_is_found_at_the_end_whatever_the_pieces() {
        let long =
            format!(r#"{{"data":["{}","say \"usage\": "],"usage" : {{"prompt_tokens":7}} }}"#, "x".repeat(200_000));
        for piece in [1, 1_000, 65_536, 300_000] {
            assert_eq!(input(&EMBEDDINGS, &long, piece), Some(7), "{piece}");
        }
        assert_eq!(input(&GEMINI, r#"{"candidates":[],"usageMetadata":{"promptTokenCount":5}}"#, 9), Some(5));
    }

    #[test]
    fn what_is_cut_or_far_from_the_end_is_not_there() {
        assert_eq!(input(&EMBEDDINGS, r#"{"data":[],"usage":{"prompt_tok"#, 9), None);
        let early = format!(r#"{{"usage":{{"prompt_tokens":7}},"data":["{}"]}}"#, "x".repeat(KEPT));
        assert_eq!(input(&EMBEDDINGS, &early, 1_000), None);
        assert_eq!(input(&EMBEDDINGS, r#"{"data":["usage"]}"#, 9), None);
    }
}

//! What must hold of any bytes, whoever wrote them (docs/fuzzing.md).
//!
//! Each function takes bytes as a fuzzer makes them and panics where a promise is
//! broken. They stand in this crate because they look at what it keeps to itself, and are
//! compiled for its tests and with the feature `fuzzing` alone. `fuzz/` calls them with
//! new bytes, `cargo test` with the corpus.

mod body;
mod form;
mod refusal;
mod response;
mod stream;

pub use body::body;
pub use form::form;
pub use refusal::refusal;
pub use response::response;
pub use stream::stream;

use serde_json::Value;

use crate::surface::{DIALECTS, Dialect};

/// Cuts `bytes` into pieces whose sizes follow from `seed`; 0 leaves them whole.
fn pieces(bytes: &[u8], seed: u8) -> impl Iterator<Item = &[u8]> {
    let (mut rest, mut state) = (bytes, u32::from(seed));
    std::iter::from_fn(move || {
        // The generator of "Numerical Recipes": its high bits are random enough.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let size = if seed == 0 { rest.len() } else { 1 + (state >> 24) as usize % usize::from(seed) };
        let (piece, after) = rest.split_at(size.min(rest.len()));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

/// The surface with this number, counted round.
fn dialect(number: u8) -> &'static Dialect {
    DIALECTS[usize::from(number) % DIALECTS.len()]
}

/// Another name for a model, in every way awkward.
const PUBLIC: &str = "public \"mod\u{e9}l\"\\";

/// `after` is `before` with one name replaced by [`PUBLIC`], for anybody who can read both (not all
/// legal JSON can be read: lone surrogates, numbers beyond any float).
fn assert_only_a_name_differs(before: &[u8], after: &[u8]) {
    let read = |text: &[u8]| serde_json::from_slice::<Value>(text);
    let (Ok(before), Ok(after)) = (read(before), read(after)) else { return };
    assert!(differences(&before, &after) < 2, "{before} became {after}");
}

/// How many values differ, each of which has to be the name now.
fn differences(before: &Value, after: &Value) -> usize {
    match (before, after) {
        _ if before == after => 0,
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            before.iter().zip(after).map(|(before, after)| differences(before, after)).sum()
        }
        (Value::Object(before), Value::Object(after)) if before.keys().eq(after.keys()) => {
            before.values().zip(after.values()).map(|(before, after)| differences(before, after)).sum()
        }
        _ => {
            assert_eq!(after, PUBLIC, "in place of {before}");
            1
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// Runs a check over everything that is kept of its target.
    fn replay(target: &str, check: fn(&[u8])) {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
        let files = std::fs::read_dir(&corpus).unwrap();
        let mut count = 0;
        for file in files {
            check(&std::fs::read(file.unwrap().path()).unwrap());
            count += 1;
        }
        assert!(count > 0, "{} holds nothing", corpus.display());
    }

    #[test]
    fn streams_of_the_corpus_keep_their_promises() {
        replay("stream", super::stream);
    }

    #[test]
    fn bodies_of_the_corpus_keep_their_promises() {
        replay("body", super::body);
    }

    #[test]
    fn forms_of_the_corpus_keep_their_promises() {
        replay("form", super::form);
    }

    #[test]
    fn refusals_of_the_corpus_keep_their_promises() {
        replay("refusal", super::refusal);
    }

    #[test]
    fn responses_of_the_corpus_keep_their_promises() {
        replay("response", super::response);
    }

    #[test]
    fn pieces_are_the_whole() {
        let bytes: Vec<u8> = (0..=255).collect();
        for seed in 0..=255 {
            assert_eq!(super::pieces(&bytes, seed).collect::<Vec<_>>().concat(), bytes);
        }
    }
}

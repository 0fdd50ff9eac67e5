//! Changing a value in bytes that are otherwise left as they are.

use std::ops::Range;

use bytes::{Bytes, BytesMut};

/// The JSON text of a model name.
pub(crate) fn json_text(name: &str) -> Bytes {
    // A string always serializes.
    serde_json::to_vec(name).unwrap_or_default().into()
}

/// An answer or event with another model in it.
pub(crate) fn answer(bytes: &Bytes, span: &Range<usize>, model: &Bytes) -> Bytes {
    let mut spliced = BytesMut::with_capacity(bytes.len() + model.len());
    spliced.extend_from_slice(&bytes[..span.start]);
    spliced.extend_from_slice(model);
    spliced.extend_from_slice(&bytes[span.end..]);
    spliced.freeze()
}

/// Another text for a place in a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Edit {
    pub(crate) place: Range<usize>,
    pub(crate) text: Bytes,
}

/// The pieces of a body with other text in places that do not overlap; nothing is copied.
pub(crate) fn edited(body: &Bytes, mut edits: Vec<Edit>) -> Vec<Bytes> {
    edits.sort_unstable_by_key(|edit| edit.place.start);
    let mut pieces = Vec::with_capacity(2 * edits.len() + 1);
    let mut at = 0;
    for edit in edits {
        pieces.push(body.slice(at..edit.place.start));
        pieces.push(edit.text);
        at = edit.place.end;
    }
    pieces.push(body.slice(at..));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_change_and_the_rest_stays() {
        let body = Bytes::from_static(b"0123456789");
        let edit = |place, text| Edit { place, text: Bytes::from_static(text) };
        let (two, nine, end) = (edit(2..4, b"xyz"), edit(9..9, b"-"), edit(10..10, b"!"));
        let text = |edits| edited(&body, edits).concat();
        assert_eq!(text(vec![]), b"0123456789");
        assert_eq!(text(vec![nine, two]), b"01xyz45678-9");
        assert_eq!(text(vec![end]), b"0123456789!");
    }
}

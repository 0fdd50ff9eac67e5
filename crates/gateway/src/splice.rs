//! Replacing the `model` value in bytes that are otherwise left as they are.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use relay_hosts::RequestBody;

/// The JSON text of a model name.
pub(crate) fn json_text(name: &str) -> Bytes {
    // A string always serializes.
    serde_json::to_vec(name).unwrap_or_default().into()
}

/// A request body with another model in it; nothing is copied.
pub(crate) fn request(body: &Bytes, span: &Range<usize>, model: &Bytes) -> RequestBody {
    RequestBody::spliced(body.slice(..span.start), model.clone(), body.slice(span.end..))
}

/// An answer or event with another model in it.
pub(crate) fn answer(bytes: &Bytes, span: &Range<usize>, model: &Bytes) -> Bytes {
    let mut spliced = BytesMut::with_capacity(bytes.len() + model.len());
    spliced.extend_from_slice(&bytes[..span.start]);
    spliced.extend_from_slice(model);
    spliced.extend_from_slice(&bytes[span.end..]);
    spliced.freeze()
}

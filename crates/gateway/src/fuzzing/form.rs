//! A form, read while it comes.

use bytes::Bytes;

use super::pieces;
use crate::splice::edited;
use crate::surface::{Call, Envelope, ModelName, RequestLine, renaming};

/// Another name for a model.
const OTHER: &str = "another-model";

/// A byte for the pieces, then a form whose boundary is `b`.
///
/// # Panics
/// When the pieces matter, when the model that routes is not what stands in its place, or when another byte is changed.
pub fn form(data: &[u8]) {
    let Some((&seed, form)) = data.split_first() else { return };
    let whole = read([form].into_iter());
    let facts = |envelope: &Envelope| (envelope.model.clone(), envelope.mentions.clone(), envelope.framing);
    assert_eq!(read(pieces(form, seed)).as_ref().map(facts), whole.as_ref().map(facts), "pieces matter");

    let Some(envelope) = whole else { return };
    let [mention] = &envelope.mentions[..] else { panic!("a form names its model once") };
    let place = mention.place.clone();
    assert_eq!(std::str::from_utf8(&form[place.clone()]).map(str::trim), Ok(&*envelope.model));

    let form = Bytes::copy_from_slice(form);
    let sent = edited(&form, renaming(&form, &envelope.mentions, &ModelName::new(OTHER))).concat();
    assert_eq!(sent, [&form[..place.start], OTHER.as_bytes(), &form[place.end..]].concat());
    let again = read([&sent[..]].into_iter()).unwrap_or_else(|| panic!("no form any more after the model was put in"));
    assert_eq!((&*again.model, again.framing), (OTHER, envelope.framing));
}

fn read<'f>(pieces: impl Iterator<Item = &'f [u8]>) -> Option<Envelope> {
    let edits = RequestLine { method: "POST", path: "/v1/images/edits", query: None };
    let call = Call::recognize(edits)?.ok()?;
    let mut form = call.form("multipart/form-data; boundary=b")?.ok()?;
    for piece in pieces {
        form.push(piece).ok()?;
    }
    form.end().ok()?;
    form.envelope()
}

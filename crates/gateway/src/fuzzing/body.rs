//! JSON bodies of both directions: what is found in them, and what is put in.

use std::ops::Range;

use bytes::Bytes;
use serde_json::Value;

use super::{PUBLIC, assert_only_a_name_differs, dialect};
use crate::splice::{self, edited, json_text};
use crate::surface::{Call, Dialect, Envelope, ModelName, Request, renaming};

/// A byte for the surface, then a request's body, and the same bytes as an answer's.
///
/// # Panics
/// When the model that routes is not the one a host would read, or when another byte than
/// those meant is changed.
pub fn body(data: &[u8]) {
    let Some((&surface, body)) = data.split_first() else { return };
    let (dialect, body) = (dialect(surface), Bytes::copy_from_slice(body));
    request(dialect, &body);
    answer(dialect, &body);
}

fn facts(dialect: &'static Dialect, body: &Bytes) -> Option<Envelope> {
    Request { call: &Call::plain(dialect), path: "", body }.read().ok()
}

fn request(dialect: &'static Dialect, body: &Bytes) {
    // Where the path names the model the body does not, or in many places.
    let Some(envelope) = facts(dialect, body) else { return };
    let [mention] = &envelope.mentions[..] else { return };
    let place = mention.place.clone();
    let written: String = serde_json::from_slice(&body[place.clone()]).unwrap_or_default();
    let read = |body: &[u8]| serde_json::from_slice::<Value>(body);
    if written == envelope.model
        && let Ok(read) = read(body)
    {
        assert_eq!(read["model"], envelope.model, "a host would read another model");
    }

    let name = ModelName::new(PUBLIC);
    let edits = renaming(body, &envelope.mentions, &name);
    let sent = Bytes::from(edited(body, edits.clone()).concat());
    if written != envelope.model {
        return assert_eq!(facts(dialect, &sent).map(|again| again.mentions.len()), Some(1));
    }
    assert_replaced(body, &sent, &place);
    let again = facts(dialect, &sent).unwrap_or_else(|| panic!("no request any more after the model was put in"));
    assert_eq!((again.model.as_str(), again.mentions[0].place.start), (PUBLIC, place.start));
    assert_eq!(
        (again.framing, again.prompt_cache_key, again.metadata_session),
        (envelope.framing, envelope.prompt_cache_key, envelope.metadata_session)
    );

    let Some(ask_usage) = envelope.ask_usage else { return };
    let sent = edited(body, edits.into_iter().chain([ask_usage]).collect()).concat();
    let (Ok(mut before), Ok(mut after)) = (read(body), read(&sent)) else { return };
    assert_eq!(after["stream_options"]["include_usage"], true);
    for told in [&mut before, &mut after] {
        told["stream_options"]["include_usage"] = true.into();
        told["model"] = PUBLIC.into();
    }
    assert_eq!(before, after, "more than the model and the wish for usage was changed");
}

fn answer(dialect: &Dialect, body: &Bytes) {
    let Some(whole) = dialect.whole(body) else {
        // No answer, but perhaps the beginning of one.
        if let Some(place) = dialect.model_in_head(body) {
            let name = &body[place];
            assert!(name.len() > 1 && name.starts_with(b"\"") && name.ends_with(b"\""), "half a name");
        }
        return;
    };
    let Some(place) = whole.model else { return };
    let shown = splice::answer(body, &place, &json_text(PUBLIC));
    assert_replaced(body, &shown, &place);
    assert_only_a_name_differs(body, &shown);
    // Of a large answer only the beginning is read: a name that was found there stands there in all of it.
    let found = dialect.model_in_head(body);
    for cut in [body.len() / 4, body.len() / 2, place.end, place.end + 1] {
        let in_head = dialect.model_in_head(&body[..cut.min(body.len())]);
        assert!(in_head.is_none() || in_head == found, "{in_head:?} and {found:?}");
    }
}

fn assert_replaced(before: &Bytes, after: &Bytes, place: &Range<usize>) {
    let name = json_text(PUBLIC);
    assert_eq!(before[..place.start], after[..place.start]);
    assert_eq!(name, after[place.start..place.start + name.len()]);
    assert_eq!(before[place.end..], after[place.start + name.len()..]);
}

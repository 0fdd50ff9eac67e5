//! Event streams: where events end, what they mean, and the model's name in them.

use bytes::Bytes;
use relay_ledger::Usage;
use serde_json::Value;

use super::{PUBLIC, assert_only_a_name_differs, dialect, pieces};
use crate::splice::json_text;
use crate::surface::{Dialect, Event, Events, Meaning, data_of_event};

/// A host's event stream, after two bytes that say how it is cut and of which surface it is.
///
/// # Panics
/// When where it is cut matters, when events do not end at blank lines, or when another
/// byte than those of the model's name is changed.
pub fn stream(data: &[u8]) {
    let [seed, surface, stream @ ..] = data else { return };
    let (seed, dialect) = (*seed, dialect(*surface));
    let plain = Told::read(dialect, stream, 0, None, false);
    assert_eq!(plain, Told::read(dialect, stream, seed, None, false), "cut in another way it says something else");
    assert_ends_at_blank_lines(stream, &plain);

    let renamed = Told::read(dialect, stream, seed, Some(PUBLIC), false);
    assert_eq!(plain.usage, renamed.usage);
    assert_eq!((plain.events.len(), plain.last.is_some()), (renamed.events.len(), renamed.last.is_some()));
    for (before, after) in plain.all().zip(renamed.all()) {
        assert_renamed(before, after);
    }

    let hidden = Told::read(dialect, stream, seed, None, true);
    for (before, after) in plain.all().zip(hidden.all()) {
        assert!(before == after || (after.bytes.is_empty() && tells_usage(before)), "{before:?} became {after:?}");
    }
}

/// As far as anybody can tell who reads it.
fn tells_usage(event: &Event) -> bool {
    serde_json::from_slice::<Value>(&data_of_event(&event.bytes)).map_or(true, |data| data.get("usage").is_some())
}

/// What was made of a stream.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    events: Vec<Event>,
    /// The event that the stream ended in, if it counts.
    last: Option<Event>,
    usage: Option<Usage>,
}

impl Told {
    fn read(dialect: &'static Dialect, stream: &[u8], seed: u8, name: Option<&str>, hides_usage: bool) -> Self {
        let mut reader = Events::new(dialect, name.map(json_text), hides_usage);
        let mut events = Vec::new();
        for piece in pieces(stream, seed) {
            reader.push(Bytes::copy_from_slice(piece));
            events.extend(std::iter::from_fn(|| reader.next_event()));
        }
        let last = reader.take_last();
        Self { events, last, usage: reader.usage() }
    }

    fn all(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().chain(&self.last)
    }
}

/// Lines end at line feeds and an event at a line without anything on it. What follows the
/// last blank line is an event only if all of it is there.
fn assert_ends_at_blank_lines(stream: &[u8], told: &Told) {
    let (mut whole, mut rest): (Vec<Vec<u8>>, Vec<u8>) = Default::default();
    for line in stream.split_inclusive(|byte| *byte == b'\n') {
        rest.extend_from_slice(line);
        if matches!(line, b"\n" | b"\r\n") {
            whole.push(std::mem::take(&mut rest));
        }
    }
    assert!(told.events.iter().map(|event| &event.bytes[..]).eq(whole.iter().map(Vec::as_slice)), "{whole:?}");
    if let Some(last) = &told.last {
        assert_eq!(last.bytes, rest);
        assert!(!matches!(last.meaning, Meaning::Start | Meaning::Junk));
    }
}

/// The same event, or one in which the new name stands in one place and every other byte is as it was.
fn assert_renamed(before: &Event, after: &Event) {
    assert_eq!(before.meaning, after.meaning);
    if before.bytes == after.bytes {
        return;
    }
    let name = json_text(PUBLIC);
    let is_place = |at: &usize| {
        let (head, tail) = (&after.bytes[..*at], &after.bytes[at + name.len()..]);
        before.bytes.len() >= head.len() + tail.len() && before.bytes.starts_with(head) && before.bytes.ends_with(tail)
    };
    let mut places = (0..after.bytes.len()).filter(|at| after.bytes[*at..].starts_with(&name));
    assert!(places.any(|at| is_place(&at)), "{before:?} became {after:?}");
    assert_only_a_name_differs(&data_of_event(&before.bytes), &data_of_event(&after.bytes));
}

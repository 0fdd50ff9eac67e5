//! What one event, or one whole answer, says: the words in which every surface
//! answers the flow, and the tools to read them without building a tree.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::members::Name;
use super::sse::{self, Fields};
use super::{Counts, Dialect};

/// What an event does to the attempt (spec §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// A comment, a ping, or a frame that only opens the answer: no output yet.
    Start,
    /// Output of the model, or anything else that only a working host sends.
    Output,
    /// The in-band end of a whole answer.
    Terminal,
    /// Output and the in-band end in one, such as a `response.completed` that holds the whole answer.
    TerminalOutput,
    /// The in-band end of an answer that failed, told as the surface has it
    /// (`response.failed`). Before the route commit it is an error like any other;
    /// after it, it is the host's to say how its answer ended.
    Failed,
    /// The host failed after its 200; the text is its own and not for clients.
    Error,
    /// `data:` that is no JSON.
    Junk,
}

/// How far the parts of an answer are that are said beside each other
/// (Google's candidates), as bits by their number. It tells a whole answer from
/// a cut one where a stream has no in-band end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) begun: u64,
    pub(super) finished: u64,
    /// Parts that had finished and go on all the same.
    pub(super) resumed: u64,
}

impl Progress {
    /// The bit of a part; the few beyond the last bit share it.
    pub(super) fn bit(number: u64) -> u64 {
        1 << number.min(63)
    }

    pub(super) fn update(&mut self, later: Self) {
        self.begun |= later.begun | later.finished;
        self.finished = (self.finished & !later.resumed) | later.finished;
    }

    /// Something has ended, and nothing goes on.
    pub(super) fn is_whole(self) -> bool {
        self.finished != 0 && self.begun == self.finished
    }
}

/// What a surface reads out of an event's data or a whole answer. Values are
/// borrowed, so that their places are known.
#[derive(Debug)]
pub(super) struct Said<'d> {
    pub(super) meaning: Meaning,
    /// The value that names the model.
    pub(super) model: Option<&'d RawValue>,
    /// Further ones, where a whole answer is a list.
    pub(super) more_models: Vec<&'d RawValue>,
    pub(super) counts: Option<Counts>,
    /// It tells the usage and nothing else: the chunk that `stream_options.include_usage` asks for.
    pub(super) is_usage_chunk: bool,
    /// The id of the response that is being made, where clients can go on from it.
    pub(super) response_id: Option<&'d RawValue>,
    /// The number of the event, where events are numbered.
    pub(super) sequence: Option<u64>,
    pub(super) progress: Progress,
}

impl Said<'_> {
    pub(super) fn plain(meaning: Meaning) -> Self {
        let progress = Progress::default();
        Self {
            meaning,
            model: None,
            more_models: Vec::new(),
            counts: None,
            is_usage_chunk: false,
            response_id: None,
            sequence: None,
            progress,
        }
    }
}

/// An event or a whole answer read.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) meaning: Meaning,
    /// Where the model's name stands in the bytes that were read, quotes included.
    pub(crate) model: Option<Range<usize>>,
    /// Where else it stands.
    pub(crate) more_models: Vec<Range<usize>>,
    pub(crate) counts: Option<Counts>,
    pub(super) is_usage_chunk: bool,
    /// The id of the response that is being made, where clients can go on from it.
    pub(crate) response_id: Option<String>,
    pub(super) sequence: Option<u64>,
    pub(super) progress: Progress,
}

impl Reading {
    fn of(said: &Said<'_>, model: Option<Range<usize>>) -> Self {
        Self {
            meaning: said.meaning,
            model,
            more_models: Vec::new(),
            counts: said.counts,
            is_usage_chunk: said.is_usage_chunk,
            response_id: Some(text_of(said.response_id)).filter(|id| !id.is_empty()).map(Cow::into_owned),
            sequence: said.sequence,
            progress: said.progress,
        }
    }

    fn plain(meaning: Meaning) -> Self {
        Self::of(&Said::plain(meaning), None)
    }
}

impl Dialect {
    /// Reads one event of a streamed answer. `event` is what `fields` were read from.
    pub(super) fn event(&self, event: &[u8], fields: &Fields<'_>) -> Reading {
        let Some(data) = &fields.data else {
            // Google breaks off with an error outside of the framing, which clients of SSE do not see.
            let bare = sse::bare_json(event).and_then(|text| (self.read_event)(text));
            let is_error = bare.is_some_and(|said| said.meaning == Meaning::Error);
            return Reading::plain(if is_error { Meaning::Error } else { Meaning::Start });
        };
        match data.trim_ascii() {
            b"[DONE]" if self.ends_with_done => return Reading::plain(Meaning::Terminal),
            // Where streams end in another way, some hosts add it to whatever they have sent.
            b"[DONE]" | b"" => return Reading::plain(Meaning::Start),
            _ => {}
        }
        if fields.name == b"error" {
            return Reading::plain(Meaning::Error);
        }
        let Some(said) = (self.read_event)(data) else {
            // JSON of another shape than ours is still something a host said.
            let is_json = serde_json::from_slice::<IgnoredAny>(data).is_ok();
            return Reading::plain(if is_json { Meaning::Output } else { Meaning::Junk });
        };
        let model = said.model.and_then(|model| match data {
            Cow::Borrowed(_) => Some(place(event, model)),
            Cow::Owned(joined) => sse::span_in_event(event, &place(joined, model)),
        });
        Reading::of(&said, model)
    }

    /// Reads a whole answer; `None` when it is not one of this surface.
    /// [`Meaning::Error`] is an error object in place of an answer.
    pub(crate) fn whole(&self, body: &[u8]) -> Option<Reading> {
        let said = (self.read_whole)(body)?;
        let model = said.model.map(|model| place(body, model));
        let more_models = said.more_models.iter().map(|model| place(body, model)).collect();
        Some(Reading { more_models, ..Reading::of(&said, model) })
    }

    /// Where the model's name stands in an answer of which only the beginning
    /// was read; `None` when it has not come yet.
    pub(crate) fn model_in_head(&self, head: &[u8]) -> Option<Range<usize>> {
        member_in_head(head, self.model_member).map(|model| place(head, model))
    }
}

/// The type of an event of which only the beginning is there; `None` when it has not come yet.
pub(super) fn kind_in_head(event: &[u8]) -> Option<String> {
    let fields = sse::fields(event);
    if !fields.name.is_empty() {
        return String::from_utf8(fields.name.to_vec()).ok();
    }
    Some(text_of(Some(member_in_head(&fields.data?, b"type")?)).into_owned())
}

/// A member of an object of which only the beginning is there, when it is a text.
fn member_in_head<'h>(head: &'h [u8], name: &'static [u8]) -> Option<&'h RawValue> {
    let found = Cell::new(None);
    let mut reader = serde_json::Deserializer::from_slice(head);
    // The text is cut, so this ends in an error; what was found before it counts.
    let cut = FindMember { name, found: &found }.deserialize(&mut reader);
    drop(cut);
    // Of a number nobody could say whether it was all there.
    found.get().filter(|value| value.get().starts_with('"'))
}

/// Reads a JSON object. A list would do for a struct as well, its elements for members in order.
pub(super) fn object<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Option<T> {
    if !text.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    serde_json::from_slice(text).ok()
}

/// Where a value borrowed from `text` stands in it.
pub(super) fn place(text: &[u8], value: &RawValue) -> Range<usize> {
    let start = value.get().as_ptr() as usize - text.as_ptr() as usize;
    start..start + value.get().len()
}

/// The text of a JSON string; empty for anything else, and for what is no text
/// in UTF-8 (a lone surrogate): it is compared with names that are.
pub(super) fn text_of(value: Option<&RawValue>) -> Cow<'_, str> {
    let Some(inner) = value.and_then(|value| value.get().strip_prefix('"')?.strip_suffix('"')) else {
        return Cow::Borrowed("");
    };
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    value.and_then(|value| serde_json::from_str(value.get()).ok()).map_or(Cow::Borrowed(""), Cow::Owned)
}

pub(super) fn is_blank(value: &RawValue) -> bool {
    matches!(value.get(), "null" | "\"\"" | "[]" | "{}")
}

/// Whether an object has a member besides `ignored` that holds something;
/// whether anything else does.
pub(super) fn says_something(value: &RawValue, ignored: &'static [&'static [u8]]) -> bool {
    let mut reader = serde_json::Deserializer::from_str(value.get());
    reader.deserialize_map(AnySaid(ignored)).unwrap_or_else(|_| !is_blank(value))
}

struct AnySaid(&'static [&'static [u8]]);

impl<'de> Visitor<'de> for AnySaid {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut said = false;
        while let Some(Name(name)) = map.next_key()? {
            let value: &RawValue = map.next_value()?;
            said |= !is_blank(value) && !self.0.contains(&&*name);
        }
        Ok(said)
    }
}

/// Visits the top level and leaves a member's value behind even if the text breaks off later.
struct FindMember<'a, 'de> {
    name: &'static [u8],
    found: &'a Cell<Option<&'de RawValue>>,
}

impl<'de> DeserializeSeed<'de> for FindMember<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for FindMember<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = map.next_key()? {
            if *name == *self.name {
                self.found.set(Some(map.next_value()?));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_all_that_began_has_ended() {
        let mut progress = Progress::default();
        assert!(!progress.is_whole());
        progress.update(Progress { begun: Progress::bit(0) | Progress::bit(1), finished: 0, ..Progress::default() });
        progress.update(Progress { begun: 0, finished: Progress::bit(1), ..Progress::default() });
        assert!(!progress.is_whole());
        progress.update(Progress { begun: 0, finished: Progress::bit(0), ..Progress::default() });
        assert!(progress.is_whole());
        progress.update(Progress { begun: 0, finished: Progress::bit(500), ..Progress::default() });
        assert!(progress.is_whole());
    }

    fn raw(text: &str) -> &RawValue {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn texts_are_read_with_and_without_escapes() {
        for (value, text) in [(r#""a""#, "a"), (r#""\u0061""#, "a"), ("5", ""), ("null", ""), (r#""\ud83d""#, "")] {
            assert_eq!(text_of(Some(raw(value))), text, "{value}");
        }
        assert_eq!(text_of(None), "");
    }

    #[test]
    fn only_what_holds_something_is_said() {
        let says = |text: &str| says_something(raw(text), &[b"type"]);
        for silent in
            ["{}", r#"{"type":"x"}"#, r#"{"text":"","a":[],"b":{},"c":null}"#, "null", r#""""#, r#"{"typ\u0065":"x"}"#]
        {
            assert!(!says(silent), "{silent}");
        }
        for loud in [r#"{"text":" "}"#, r#"{"type":"x","n":0}"#, r#"{"\ud83d":1}"#, r#""x""#, "[1]", "false"] {
            assert!(says(loud), "{loud}");
        }
    }
}

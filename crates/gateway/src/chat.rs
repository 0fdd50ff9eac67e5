//! What a chat completion's answer means: its real output, its end, its
//! errors, its usage (spec §5, §6; sub2api-host-api.md §4.4).

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::Range;

use relay_ledger::Usage;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::sse::{self, Fields};

/// What one stream event says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// A comment, a ping, or a frame that only opens the answer: no output yet.
    Start,
    /// Output of the model, or anything else that only a working host sends.
    Output,
    /// The in-band end of a whole answer.
    Terminal,
    /// The host failed after its 200; the text is its own and not for clients.
    Error,
    /// `data:` that is no JSON.
    Junk,
}

/// An event read.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) meaning: Meaning,
    /// Where the `model` value stands in the event, quotes included.
    pub(crate) model: Option<Range<usize>>,
    pub(crate) usage: Option<Usage>,
    /// It tells the usage and nothing else: the chunk that `stream_options.include_usage` asks for.
    pub(crate) is_usage_chunk: bool,
}

impl Reading {
    fn plain(meaning: Meaning) -> Self {
        Self { meaning, model: None, usage: None, is_usage_chunk: false }
    }
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    finish_reason: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct WireUsage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Deserialize)]
struct PromptDetails {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct CompletionDetails {
    reasoning_tokens: Option<u64>,
}

impl From<WireUsage> for Usage {
    fn from(wire: WireUsage) -> Self {
        let prompt = wire.prompt_tokens_details;
        Self {
            input: wire.prompt_tokens,
            cached_input: prompt.as_ref().and_then(|details| details.cached_tokens),
            cache_write: prompt.as_ref().and_then(|details| details.cache_write_tokens),
            output: wire.completion_tokens,
            reasoning: wire.completion_tokens_details.and_then(|details| details.reasoning_tokens),
            provenance: Some("host"),
        }
    }
}

/// Reads a `usage` object. One of another shape is as good as none: an answer must not fail for it.
fn read_usage(usage: &RawValue) -> Option<Usage> {
    serde_json::from_str::<Option<WireUsage>>(usage.get()).ok()?.map(Into::into)
}

/// Reads one event of a streamed answer. `event` is what `fields` were read from.
pub(crate) fn read_event(event: &[u8], fields: &Fields<'_>) -> Reading {
    let Some(data) = &fields.data else { return Reading::plain(Meaning::Start) };
    match data.trim_ascii() {
        b"[DONE]" => return Reading::plain(Meaning::Terminal),
        b"" => return Reading::plain(Meaning::Start),
        _ => {}
    }
    if fields.name == b"error" {
        return Reading::plain(Meaning::Error);
    }
    let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(data) else {
        // JSON of another shape than ours is still something a host said.
        let is_json = serde_json::from_slice::<IgnoredAny>(data).is_ok();
        return Reading::plain(if is_json { Meaning::Output } else { Meaning::Junk });
    };
    let meaning = chunk.meaning();
    let model = chunk.model.and_then(|model| match data {
        Cow::Borrowed(_) => Some(place(event, model)),
        Cow::Owned(joined) => sse::span_in_event(event, &place(joined, model)),
    });
    let usage = chunk.usage.and_then(read_usage);
    let is_usage_chunk = usage.is_some() && chunk.choices.as_ref().is_some_and(Vec::is_empty);
    Reading { meaning, model, usage, is_usage_chunk }
}

/// Where a value borrowed from `text` stands in it.
fn place(text: &[u8], model: &RawValue) -> Range<usize> {
    let start = model.get().as_ptr() as usize - text.as_ptr() as usize;
    start..start + model.get().len()
}

impl Chunk<'_> {
    fn meaning(&self) -> Meaning {
        if self.error.is_some_and(|error| error.get() != "null") || self.kind.as_deref() == Some("error") {
            return Meaning::Error;
        }
        if self.kind.as_deref() == Some("ping") {
            return Meaning::Start;
        }
        match &self.choices {
            None => Meaning::Output,
            Some(choices) if choices.iter().any(Choice::has_output) || self.usage.is_some() => Meaning::Output,
            Some(_) => Meaning::Start,
        }
    }
}

impl Choice<'_> {
    /// A role alone opens the answer; any other member that holds something is output.
    fn has_output(&self) -> bool {
        self.finish_reason.is_some() || self.delta.is_some_and(|delta| !opens_only(delta.get()))
    }
}

fn opens_only(delta: &str) -> bool {
    let Ok(members) = serde_json::from_str::<std::collections::HashMap<Cow<'_, str>, &RawValue>>(delta) else {
        return false;
    };
    members.iter().all(|(name, value)| name == "role" || matches!(value.get(), "null" | "\"\"" | "[]" | "{}"))
}

/// A whole (not streamed) answer read.
#[derive(Debug)]
pub(crate) struct WholeAnswer {
    pub(crate) model: Option<Range<usize>>,
    pub(crate) usage: Option<Usage>,
    /// An error object in place of an answer, inside a 200.
    pub(crate) is_error: bool,
}

#[derive(Deserialize)]
struct Whole<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    choices: Option<IgnoredAny>,
}

/// Reads a whole answer; `None` when it is not a JSON object.
pub(crate) fn read_whole(body: &[u8]) -> Option<WholeAnswer> {
    let whole: Whole<'_> = serde_json::from_slice(body).ok()?;
    let has_error = whole.error.is_some_and(|error| error.get() != "null");
    Some(WholeAnswer {
        model: whole.model.map(|model| place(body, model)),
        usage: whole.usage.and_then(read_usage),
        is_error: has_error && whole.choices.is_none(),
    })
}

/// Where the `model` value stands in an answer of which only the beginning was
/// read; `None` when it has not come yet.
pub(crate) fn model_in_head(head: &[u8]) -> Option<Range<usize>> {
    let found = Cell::new(None);
    let mut reader = serde_json::Deserializer::from_slice(head);
    // The text is cut, so this ends in an error; what was found before it counts.
    let cut = FindModel(&found).deserialize(&mut reader);
    drop(cut);
    found.get().map(|model: &RawValue| place(head, model))
}

/// Visits the top level and leaves the `model` value behind even if the text breaks off later.
struct FindModel<'a, 'de>(&'a Cell<Option<&'de RawValue>>);

impl<'de> DeserializeSeed<'de> for FindModel<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for FindModel<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            if name == "model" {
                self.0.set(Some(map.next_value()?));
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
    use crate::sse::fields;

    #[test]
    fn the_model_is_found_in_a_cut_answer() {
        let head = br#"{"id":"x","model":"shadow","choices":[{"message":{"content":"lorem ip"#;
        assert_eq!(&head[model_in_head(head).unwrap()], b"\"shadow\"");
        assert_eq!(model_in_head(br#"{"choices":[{"model":"no"}"#), None);
    }

    fn meaning(event: &str) -> Meaning {
        read_event(event.as_bytes(), &fields(event.as_bytes())).meaning
    }

    fn delta(delta: &str) -> Meaning {
        meaning(&format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":null}}]}}\n\n"))
    }

    #[test]
    fn start_frames_are_not_output() {
        for event in
            [": ping\n\n", ":\n\n", "data: {\"type\": \"ping\"}\n\n", "event: ping\n\n", "data: {\"choices\":[]}\n\n"]
        {
            assert_eq!(meaning(event), Meaning::Start, "{event}");
        }
        assert_eq!(delta(r#"{"role":"assistant","content":""}"#), Meaning::Start);
        assert_eq!(delta(r#"{"role":"assistant","content":null,"tool_calls":[]}"#), Meaning::Start);
    }

    #[test]
    fn anything_the_model_says_is_output() {
        for text in
            [r#"{"content":"x"}"#, r#"{"reasoning_content":"x"}"#, r#"{"tool_calls":[{}]}"#, r#"{"refusal":"no"}"#]
        {
            assert_eq!(delta(text), Meaning::Output, "{text}");
        }
        assert_eq!(meaning("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"), Meaning::Output);
        assert_eq!(meaning("data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n"), Meaning::Output);
        assert_eq!(meaning("data: {\"object\":\"other\"}\n\n"), Meaning::Output);
    }

    #[test]
    fn ends_errors_and_junk_are_told_apart() {
        assert_eq!(meaning("data: [DONE]\n\n"), Meaning::Terminal);
        assert_eq!(meaning("data:[DONE]\r\n\r\n"), Meaning::Terminal);
        for event in [
            "event: error\ndata: {\"error\":{}}\n\n",
            "data: {\"error\":{\"message\":\"x\"}}\n\n",
            "data: {\"type\":\"error\",\"error\":{}}\n\n",
        ] {
            assert_eq!(meaning(event), Meaning::Error, "{event}");
        }
        assert_eq!(meaning("data: <html>\n\n"), Meaning::Junk);
        assert_eq!(meaning("data: {\"error\":null,\"choices\":[]}\n\n"), Meaning::Start);
    }

    #[test]
    fn usage_keeps_absent_apart_from_zero() {
        let event = "data: {\"choices\":[],\"model\":\"m\",\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":0,\
            \"prompt_tokens_details\":{\"cached_tokens\":4},\"completion_tokens_details\":{\"reasoning_tokens\":0}}}\n\n";
        let reading = read_event(event.as_bytes(), &fields(event.as_bytes()));
        let usage = reading.usage.unwrap();
        assert_eq!((usage.input, usage.cached_input, usage.cache_write), (Some(9), Some(4), None));
        assert_eq!((usage.output, usage.reasoning), (Some(0), Some(0)));
        assert_eq!(&event[reading.model.unwrap()], "\"m\"");
    }

    #[test]
    fn a_whole_answer_is_an_object_and_may_be_an_error() {
        assert!(read_whole(b"{\"choices\":[],\"model\":\"m\"}").is_some_and(|answer| !answer.is_error));
        assert!(read_whole(b"{\"error\":{\"message\":\"x\"}}").is_some_and(|answer| answer.is_error));
        assert!(read_whole(b"<html>").is_none());
        assert!(read_whole(b"{\"choices\":[").is_none());
    }
}

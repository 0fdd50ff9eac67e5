//! `POST /v1/chat/completions` (sub2api-host-api.md §4.4).

use std::ops::Range;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::members::Members;
use super::messages::metadata_session;
use super::reading::{Meaning, Said, is_blank, object, place, says_something, text_of};
use super::usage::Usage;
use super::whole::Whole;
use super::{COMMENT, Call, Counts, Dialect, Envelope, EnvelopeError, ErrorShape, Request, sse, stable_prefix};
use crate::splice::Edit;

/// OpenAI's chat completions. A stream ends with `[DONE]`.
pub(crate) static CHAT_COMPLETIONS: Dialect = Dialect {
    surface: relay_routing::Surface::ChatCompletions,
    recognize: |line| (line.path == "/v1/chat/completions").then(|| Call::post(&CHAT_COMPLETIONS, line)),
    takes_forms: false,
    read_request,
    read_event,
    read_whole,
    model_member: b"model",
    ends_with_done: true,
    failures_are_answers: false,
    may_end_unread: |_| false,
    keep_alive: COMMENT,
    errors: ErrorShape::OpenAi,
    error_event: |body, _| sse::event_of(body),
};

fn read_request(request: Request<'_>) -> Result<Envelope, EnvelopeError> {
    let members = Members::read(request.body)?;
    let envelope = Envelope::of_members(request.body, &members)?;
    Ok(Envelope {
        ask_usage: if envelope.is_stream() { ask_usage(request.body, members.stream_options) } else { None },
        metadata_session: members.metadata.and_then(metadata_session),
        stable_prefix: stable_prefix::of_messages(&envelope.model, &members),
        ..envelope
    })
}

/// The edit that adds `stream_options.include_usage` (spec §6). Options that are
/// not what a host expects are left for it to refuse.
fn ask_usage(body: &[u8], options: Option<&RawValue>) -> Option<Edit> {
    #[derive(Deserialize)]
    struct Options<'a> {
        #[serde(borrow)]
        include_usage: Option<&'a RawValue>,
    }
    let before_brace = |text: &[u8]| text.trim_ascii_end().len() - 1;
    let edit =
        |place: Range<usize>, text: &'static str| Some(Edit { place, text: Bytes::from_static(text.as_bytes()) });
    let Some(options) = options else {
        // There are members before it: the model and `stream`.
        let end = before_brace(body);
        return edit(end..end, r#","stream_options":{"include_usage":true}"#);
    };
    let place_of_options = place(body, options);
    if options.get() == "null" {
        return edit(place_of_options, r#"{"include_usage":true}"#);
    }
    let read: Options<'_> = object(options.get().as_bytes())?;
    match read.include_usage.map(|value| (value.get(), place(body, value))) {
        Some(("false" | "null", value)) => edit(value, "true"),
        Some(_) => None,
        None => {
            let end = place_of_options.start + before_brace(options.get().as_bytes());
            let is_empty = body[place_of_options.start + 1..end].trim_ascii().is_empty();
            edit(end..end, if is_empty { r#""include_usage":true"# } else { r#","include_usage":true"# })
        }
    }
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
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
    #[serde(borrow)]
    finish_reason: Option<&'a RawValue>,
}

fn read_event(data: &[u8]) -> Option<Said<'_>> {
    let chunk: Chunk<'_> = object(data)?;
    let counts = chunk.usage.and_then(read_usage);
    Some(Said {
        model: chunk.model,
        counts,
        is_usage_chunk: counts.is_some() && chunk.choices.as_ref().is_some_and(Vec::is_empty),
        ..Said::plain(chunk.meaning())
    })
}

impl Chunk<'_> {
    fn meaning(&self) -> Meaning {
        match &*text_of(self.kind) {
            "error" => return Meaning::Error,
            _ if self.error.is_some() => return Meaning::Error,
            "ping" => return Meaning::Start,
            _ => {}
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
        let is_finished = self.finish_reason.is_some_and(|reason| !is_blank(reason));
        is_finished || self.delta.is_some_and(|delta| says_something(delta, &[b"role"]))
    }
}

fn read_whole(body: &[u8]) -> Option<Said<'_>> {
    let whole = Whole::read(body)?;
    Some(whole.said(whole.is_error_without(whole.choices), read_usage))
}

/// What a `usage` object counts.
pub(super) fn read_usage(usage: &RawValue) -> Option<Counts> {
    let usage = Usage::read(usage)?;
    let prompt = usage.prompt_tokens_details.unwrap_or_default();
    Some(Counts {
        input: usage.prompt_tokens,
        uncached_input: None,
        cached_input: prompt.cached_tokens.or(usage.prompt_cache_hit_tokens).or(usage.cached_tokens),
        cache_write: prompt.cache_write_tokens,
        output: usage.completion_tokens,
        reasoning: usage.completion_tokens_details.and_then(|details| details.reasoning_tokens),
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;
    use crate::splice::edited;

    fn envelope(body: &str) -> Envelope {
        testing::envelope(&CHAT_COMPLETIONS, body).unwrap()
    }

    fn meaning(event: &str) -> Meaning {
        testing::meaning(&CHAT_COMPLETIONS, event)
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
        let reading = testing::event(&CHAT_COMPLETIONS, event);
        let expected =
            Counts { input: Some(9), cached_input: Some(4), output: Some(0), reasoning: Some(0), ..Counts::default() };
        assert_eq!(reading.counts, Some(expected));
        assert_eq!(&event[reading.model.unwrap()], "\"m\"");
        for name in ["prompt_cache_hit_tokens", "cached_tokens"] {
            let event = format!("data: {{\"choices\":[],\"usage\":{{\"prompt_tokens\":9,\"{name}\":4}}}}\n\n");
            let counts = testing::event(&CHAT_COMPLETIONS, &event).counts.unwrap();
            assert_eq!((counts.input, counts.cached_input), (Some(9), Some(4)), "{name}");
        }
    }

    #[test]
    fn a_whole_answer_is_an_object_and_may_be_an_error() {
        let meaning = |body: &str| CHAT_COMPLETIONS.whole(body.as_bytes()).map(|reading| reading.meaning);
        assert_eq!(meaning("{\"choices\":[],\"model\":\"m\"}"), Some(Meaning::Output));
        assert_eq!(meaning("{\"error\":{\"message\":\"x\"}}"), Some(Meaning::Error));
        assert_eq!(meaning("{\"error\":{\"message\":\"x\"},\"choices\":[{}]}"), Some(Meaning::Output));
        assert_eq!(meaning("<html>"), None);
        assert_eq!(meaning("{\"choices\":["), None);
    }

    #[test]
    fn the_model_is_found_in_a_cut_answer() {
        let head = br#"{"id":"x","mod\u0065l":"shadow","choices":[{"message":{"content":"lorem ip"#;
        assert_eq!(&head[CHAT_COMPLETIONS.model_in_head(head).unwrap()], b"\"shadow\"");
        assert_eq!(CHAT_COMPLETIONS.model_in_head(br#"{"choices":[{"model":"no"}"#), None);
    }

    #[test]
    fn a_stream_is_asked_for_its_usage_unless_the_client_does_or_cannot_be_understood() {
        let asked = |members: &str| {
            let body = Bytes::from(format!(r#"{{"model":"a","stream":true{members}}} "#));
            let edit = envelope(std::str::from_utf8(&body).unwrap()).ask_usage;
            edit.map(|edit| String::from_utf8(edited(&body, vec![edit]).concat()).unwrap())
        };
        let expected = |members: &str| Some(format!(r#"{{"model":"a","stream":true{members}}} "#));
        assert_eq!(asked(""), expected(r#","stream_options":{"include_usage":true}"#));
        assert_eq!(asked(r#","stream_options":null"#), expected(r#","stream_options":{"include_usage":true}"#));
        assert_eq!(asked(r#","stream_options":{ }"#), expected(r#","stream_options":{ "include_usage":true}"#));
        assert_eq!(
            asked(r#","stream_options":{"x":1}"#),
            expected(r#","stream_options":{"x":1,"include_usage":true}"#)
        );
        assert_eq!(
            asked(r#","stream_options":{"include_usage": false}"#),
            expected(r#","stream_options":{"include_usage": true}"#)
        );
        for left in
            [r#","stream_options":{"include_usage":true}"#, r#","stream_options":[false]"#, r#","stream_options":5"#]
        {
            assert_eq!(asked(left), None, "{left}");
        }
        assert_eq!(envelope(r#"{"model":"a"}"#).ask_usage, None);
    }

    #[test]
    fn adding_a_turn_keeps_the_stable_prefix() {
        let prefix_of = |body: &str| envelope(body).stable_prefix;
        let one = r#"{"model":"a","messages":[{"role":"system","content":"s"},{"role":"user","content":"hi"}]}"#;
        let two = r#"{"model":"a","messages":[{"role":"system","content":"s"},{"role":"user","content":"hi"},
            {"role":"assistant","content":"yes"},{"role":"user","content":"more"}]}"#;
        let other = r#"{"model":"a","messages":[{"role":"system","content":"s"},{"role":"user","content":"ho"}]}"#;
        assert_eq!(prefix_of(one), prefix_of(two));
        assert_ne!(prefix_of(one), prefix_of(other));
        assert_eq!(prefix_of(r#"{"model":"a","messages":[{"role":"system","content":"s"}]}"#), None);
        let marked = r#"{"model":"a","messages":[{"role":"system","content":"s"},
            {"role":"user","content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral"}}]}]}"#;
        assert_eq!(prefix_of(one), prefix_of(marked));
    }
}

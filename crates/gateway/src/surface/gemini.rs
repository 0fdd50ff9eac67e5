//! `POST /v1beta/models/{model}:{action}`. The model stands in the path, and in
//! some bodies once more; whether the answer is streamed is what the path says.
//! Google's newer packages call `/v1/models/…`, which hosts do not have
//! (sub2api-host-api.md §4.1) and which is a part of the other.
//!
//! A stream has no event for its end: it is whole when every candidate that
//! began has a `finishReason`. Without `alt=sse` a stream is one JSON array; it
//! is passed on in one piece, since nothing in it could tell that it broke off.

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::call::{PathModel, WrongMethod};
use super::members::Members;
use super::naming::{Mention, Spelling};
use super::reading::{Meaning, Progress, Said, is_blank, object, place, says_something, text_of};
use super::stable_prefix::{Opening, Speaker, StablePrefix};
use super::usage::Usage;
use super::whole::Whole;
use super::{Call, Counts, Dialect, Envelope, EnvelopeError, ErrorShape, Framing, Request, RequestLine, sse};
use crate::percent;

const PATH: &str = "/v1beta/models/";
const NEWER_PATH: &str = "/v1/models/";

/// Google's Gemini API.
pub(crate) static GEMINI: Dialect = Dialect {
    surface: relay_routing::Surface::Gemini,
    recognize,
    takes_forms: false,
    read_request,
    read_event,
    read_whole,
    model_member: b"modelVersion",
    ends_with_done: false,
    failures_are_answers: false,
    // Where it says so may be behind what it says.
    may_end_unread: |_| true,
    // Google's own package for Python takes any line without `data: ` for JSON, comments too.
    keep_alive: Bytes::from_static(b"\n"),
    errors: ErrorShape::Google,
    error_event: |body, _| sse::event_of(body),
};

fn recognize(line: RequestLine<'_>) -> Option<Result<Call, WrongMethod>> {
    let is_newer = line.method == "POST" && line.path.starts_with(NEWER_PATH);
    let below = line.path.strip_prefix(if is_newer { NEWER_PATH } else { PATH })?;
    let (model, action) = below.rsplit_once(':')?;
    if model.is_empty() || action.is_empty() || !action.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    // Some servers on the way would take them for steps out of the path.
    if percent::decode(model).split(['/', '\\']).any(|segment| matches!(segment, "." | "..")) {
        return None;
    }
    let streams = action == "streamGenerateContent" && line.asks("alt=sse");
    let model = PathModel { place: PATH.len()..PATH.len() + model.len() };
    let framing = Some(if streams { Framing::Events } else { Framing::Whole });
    let path_at_host = is_newer.then(|| format!("{PATH}{below}"));
    let only_counts = action == "countTokens";
    Some(Call::post(&GEMINI, line).map(|call| Call { path_at_host, model: Some(model), framing, only_counts, ..call }))
}

fn read_request(request: Request<'_>) -> Result<Envelope, EnvelopeError> {
    let members = Members::read(request.body)?;
    let model = percent::decode(request.model_in_path().unwrap_or_default()).into_owned();
    if model.trim().is_empty() {
        return Err(EnvelopeError::NoModel);
    }
    Ok(Envelope {
        mentions: if members.may_name_a_model() { mentions(request.body, &members)? } else { Vec::new() },
        framing: request.call.framing.unwrap_or_default(),
        stable_prefix: stable_prefix(&model, &members),
        model,
        ..Envelope::default()
    })
}

/// Where a body names the model besides the path: the host must not be told two.
fn mentions(body: &[u8], members: &Members<'_>) -> Result<Vec<Mention>, EnvelopeError> {
    let requests = members.requests.and_then(|list| serde_json::from_str::<Vec<&RawValue>>(list.get()).ok());
    let inner = members.generate_content_request.into_iter().chain(requests.into_iter().flatten());
    // What is no object names no model, and is the host's to refuse.
    let inner = inner.filter(|request| request.get().starts_with('{'));
    let inner = inner.map(|request| Ok(Members::read(request.get().as_bytes())?.model));
    let models = std::iter::once(Ok(members.model)).chain(inner).filter_map(Result::transpose);
    models.map(|model| model.map(|model| mention(body, model))).collect()
}

fn mention(body: &[u8], model: &RawValue) -> Mention {
    let is_resource = text_of(Some(model)).starts_with("models/");
    Mention { place: place(body, model), spelling: if is_resource { Spelling::Resource } else { Spelling::Json } }
}

fn stable_prefix(model: &str, members: &Members<'_>) -> Option<[u8; 16]> {
    let opening = Opening::read(members.contents?, Speaker::UserByDefault)?;
    StablePrefix::new(model).with(members.tools).with(members.system_instruction).with_opening(&opening)
}

#[derive(Deserialize)]
struct Chunk<'a> {
    error: Option<IgnoredAny>,
    candidates: Option<Vec<Candidate<'a>>>,
    #[serde(rename = "promptFeedback")]
    prompt_feedback: Option<PromptFeedback>,
    #[serde(borrow, rename = "usageMetadata")]
    usage: Option<&'a RawValue>,
    #[serde(borrow, rename = "modelVersion")]
    model: Option<&'a RawValue>,
}

/// A prompt that is blocked has no candidates.
#[derive(Deserialize)]
struct PromptFeedback {
    #[serde(rename = "blockReason")]
    block_reason: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Candidate<'a> {
    index: Option<u64>,
    #[serde(borrow)]
    content: Option<Content<'a>>,
    #[serde(borrow, rename = "finishReason")]
    finish_reason: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    parts: Option<Vec<&'a RawValue>>,
}

impl Candidate<'_> {
    fn is_finished(&self) -> bool {
        self.finish_reason.is_some_and(|reason| !is_blank(reason))
    }

    fn has_output(&self) -> bool {
        let parts = self.content.iter().filter_map(|content| content.parts.as_ref()).flatten();
        self.is_finished() || parts.into_iter().any(|part| says_something(part, &[b"thought"]))
    }
}

impl<'a> Chunk<'a> {
    fn is_blocked(&self) -> bool {
        self.prompt_feedback.as_ref().is_some_and(|feedback| feedback.block_reason.is_some())
    }

    fn meaning(&self) -> Meaning {
        match &self.candidates {
            _ if self.error.is_some() => Meaning::Error,
            Some(candidates) if candidates.iter().any(Candidate::has_output) => Meaning::Output,
            _ if self.is_blocked() => Meaning::Output,
            // Counts and embeddings have no candidates; a chunk of a stream that has none only opens it.
            None if self.usage.is_none() && self.model.is_none() => Meaning::Output,
            _ => Meaning::Start,
        }
    }

    fn progress(&self) -> Progress {
        let mut progress = Progress::default();
        for candidate in self.candidates.iter().flatten() {
            let bit = Progress::bit(candidate.index.unwrap_or(0));
            let finished = if candidate.is_finished() { bit } else { 0 };
            progress.update(Progress { begun: bit, finished, ..Progress::default() });
        }
        if self.is_blocked() {
            progress.update(Progress { begun: 0, finished: Progress::bit(0), ..Progress::default() });
        }
        progress
    }

    fn said(&self, meaning: Meaning) -> Said<'a> {
        let counts = self.usage.and_then(read_usage);
        Said { model: self.model, counts, progress: self.progress(), ..Said::plain(meaning) }
    }
}

fn read_event(data: &[u8]) -> Option<Said<'_>> {
    if data.trim_ascii_start().starts_with(b"[") {
        return read_array(data);
    }
    let chunk: Chunk<'_> = object(data)?;
    Some(chunk.said(chunk.meaning()))
}

fn read_whole(body: &[u8]) -> Option<Said<'_>> {
    if body.trim_ascii_start().starts_with(b"[") {
        return read_array(body);
    }
    let whole = Whole::read(body)?;
    let counts = whole.usage_metadata.and_then(read_usage);
    Some(Said { model: whole.model_version, counts, ..Said::plain(meaning_of(&[whole])) })
}

/// Whether the candidates of an answer in one piece say anything is nobody's question.
fn meaning_of(chunks: &[Whole<'_>]) -> Meaning {
    if chunks.iter().any(|chunk| chunk.error.is_some()) { Meaning::Error } else { Meaning::Output }
}

/// A stream in one piece, or an error wrapped in a list.
fn read_array(body: &[u8]) -> Option<Said<'_>> {
    let elements: Vec<&RawValue> = serde_json::from_slice(body).ok()?;
    let chunks: Vec<_> = elements.iter().map(|element| Whole::read(element.get().as_bytes())).collect::<Option<_>>()?;
    let meaning = meaning_of(&chunks);
    let mut models = chunks.iter().filter_map(|chunk| chunk.model_version);
    let counts =
        chunks.iter().filter_map(|chunk| chunk.usage_metadata.and_then(read_usage)).reduce(|mut counts, later| {
            counts.update(later);
            counts
        });
    Some(Said { model: models.next(), more_models: models.collect(), counts, ..Said::plain(meaning) })
}

/// The prompt is told with its cached content, and without what tools answered, which is input too; the candidates
/// without the thoughts.
fn read_usage(usage: &RawValue) -> Option<Counts> {
    let usage = Usage::read(usage)?;
    let sum = |a: Option<u64>, b: Option<u64>| Some(a.or(b)?.saturating_add(a.and(b).unwrap_or(0)));
    Some(Counts {
        input: sum(usage.prompt_token_count, usage.tool_use_prompt_token_count),
        uncached_input: None,
        cached_input: usage.cached_content_token_count,
        cache_write: None,
        output: sum(usage.candidates_token_count, usage.thoughts_token_count),
        reasoning: usage.thoughts_token_count,
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;
    use crate::surface::{ModelName, renaming};

    fn call(target: &str) -> Option<Call> {
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        recognize(RequestLine { method: "POST", path, query })?.ok()
    }

    fn read(target: &str, body: &str) -> Result<Envelope, EnvelopeError> {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let path = target.split('?').next().unwrap();
        Request { call: &call(target).unwrap(), path, body: &body }.read()
    }

    fn event(data: &str) -> super::super::reading::Reading {
        testing::event(&GEMINI, &format!("data: {data}\r\n\r\n"))
    }

    #[test]
    fn the_model_and_the_framing_stand_in_the_path() {
        for (target, model, streams) in [
            ("/v1beta/models/gemini-2.5-pro:generateContent", "gemini-2.5-pro", false),
            ("/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse", "gemini-2.5-pro", true),
            ("/v1beta/models/gemini-2.5-pro:streamGenerateContent", "gemini-2.5-pro", false),
            ("/v1beta/models/group%2Fqwen:7b:countTokens?alt=sse", "group/qwen:7b", false),
            ("/v1/models/group%2Fqwen:7b:countTokens?alt=sse", "group/qwen:7b", false),
        ] {
            let envelope = read(target, "{}").unwrap();
            assert_eq!((envelope.model.as_str(), envelope.is_stream()), (model, streams), "{target}");
        }
        let path = "/v1beta/models/group%2Fm:embedContent";
        assert_eq!(&path[call(path).unwrap().model.unwrap().place], "group%2Fm");
        let newer = call("/v1/models/group%2Fm:embedContent").unwrap();
        assert_eq!((newer.path_at_host.as_deref(), newer.model), (Some(path), call(path).unwrap().model));
        for path in [
            "/v1/models/m",
            "/v1beta/models/m",
            "/v1beta/models/:x",
            "/v1beta/models/m:",
            "/v1beta/models/m:a/b",
            "/v1beta/models/flash/../pro:generateContent",
            "/v1beta/models/flash%2F%2e%2E%2fpro:generateContent",
            "/v1beta/models/..:generateContent",
            "/v1beta/models/flash%5c.%5cpro:generateContent",
        ] {
            assert!(call(path).is_none(), "{path}");
        }
    }

    #[test]
    fn every_place_of_a_body_that_names_the_model_is_renamed() {
        let body = r#"{"requests":[{"model":"models/a","content":{"model":"models/a"}},{"model":"a"}],"model":"models/a",
            "generateContentRequest":{"model":"models/a"}}"#;
        let envelope = read("/v1beta/models/a:batchEmbedContents", body).unwrap();
        let body = Bytes::from(body);
        let renamed = crate::splice::edited(&body, renaming(&body, &envelope.mentions, &ModelName::new("b"))).concat();
        assert_eq!(
            String::from_utf8(renamed).unwrap(),
            r#"{"requests":[{"model":"models/b","content":{"model":"models/a"}},{"model":"b"}],"model":"models/b",
            "generateContentRequest":{"model":"models/b"}}"#
        );
    }

    #[test]
    fn a_body_that_names_two_models_in_one_place_is_refused() {
        for (body, name) in [
            (r#"{"requests":[{"model":"a","model":"b"}]}"#, "model"),
            (r#"{"generateContentRequest":{"model":"a","Model":"b"}}"#, "model"),
            (r#"{"requests":[{"model":"a"}],"requests":[{"model":"b"}]}"#, "requests"),
        ] {
            let error = read("/v1beta/models/a:batchEmbedContents", body).unwrap_err();
            assert_eq!(error, EnvelopeError::Duplicate(name), "{body}");
        }
        assert_eq!(read("/v1beta/models/a:x", r#"{"requests":[1,"model"]}"#).unwrap().mentions, []);
    }

    #[test]
    fn adding_a_turn_does_not_change_the_prefix() {
        let prefix = |contents: &str| {
            let body = format!(r#"{{"systemInstruction":{{"parts":[{{"text":"s"}}]}},"contents":[{contents}]}}"#);
            read("/v1beta/models/m:generateContent", &body).unwrap().stable_prefix
        };
        let first = r#"{"parts":[{"text":"hi"}]}"#;
        let turn = r#"{"role":"model","parts":[{"text":"a"}]},{"role":"user","parts":[{"text":"b"}]}"#;
        assert!(prefix(first).is_some());
        assert_eq!(prefix(first), prefix(&format!("{first},{turn}")));
        assert_ne!(prefix(first), prefix(r#"{"parts":[{"text":"ho"}]}"#));
        assert_eq!(prefix(first), prefix(r#"{"role":"user","parts":{"text":"hi"}}"#), "one part needs no list");
        let alone =
            r#"{"systemInstruction":{"parts":[{"text":"s"}]},"contents":{"role":"user","parts":{"text":"hi"}}}"#;
        let alone = read("/v1beta/models/m:generateContent", alone).unwrap().stable_prefix;
        assert_eq!(alone, prefix(first), "nor does one message");
    }

    #[test]
    fn parts_that_say_something_are_output() {
        let part = |part: &str| event(&format!(r#"{{"candidates":[{{"content":{{"parts":[{part}]}}}}]}}"#)).meaning;
        for silent in ["", r#"{"text":""}"#, r#"{"thought":true,"text":""}"#] {
            assert_eq!(part(silent), Meaning::Start, "{silent}");
        }
        for loud in [r#"{"text":"x"}"#, r#"{"functionCall":{"name":"f"}}"#, r#"{"thought":true,"text":"x"}"#] {
            assert_eq!(part(loud), Meaning::Output, "{loud}");
        }
        assert_eq!(event(r#"{"usageMetadata":{"promptTokenCount":1},"modelVersion":"m"}"#).meaning, Meaning::Start);
        assert_eq!(event(r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#).meaning, Meaning::Output);
        assert_eq!(event(r#"{"error":{"code":503}}"#).meaning, Meaning::Error);
        assert_eq!(event(r#"[{"error":{"code":503}}]"#).meaning, Meaning::Error);
    }

    #[test]
    fn a_stream_is_whole_when_all_its_candidates_have_finished() {
        let mut progress = Progress::default();
        for (data, whole) in [
            (r#"{"candidates":[{"index":0,"content":{}},{"index":1}]}"#, false),
            (r#"{"candidates":[{"index":1,"finishReason":"STOP"}]}"#, false),
            (r#"{"candidates":[{"finishReason":"MAX_TOKENS"}]}"#, true),
        ] {
            progress.update(event(data).progress);
            assert_eq!(progress.is_whole(), whole, "{data}");
        }
        assert!(event(r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#).progress.is_whole());
    }

    #[test]
    fn thoughts_are_output_and_tool_answers_are_input() {
        let data = r#"{"usageMetadata":{"promptTokenCount":10,"toolUsePromptTokenCount":2,"cachedContentTokenCount":4,
            "candidatesTokenCount":5,"thoughtsTokenCount":7,"totalTokenCount":24},"candidates":[]}"#;
        let expected = Counts {
            input: Some(12),
            cached_input: Some(4),
            output: Some(12),
            reasoning: Some(7),
            ..Counts::default()
        };
        assert_eq!(event(&data.replace('\n', "")).counts, Some(expected));
        assert_eq!(event(r#"{"usageMetadata":{"promptTokenCount":0}}"#).counts.unwrap().output, None);
    }

    #[test]
    fn an_array_names_the_model_in_every_element() {
        let body = br#"[{"candidates":[],"modelVersion":"a"},{"candidates":[{"finishReason":"STOP"}],"modelVersion":"b","usageMetadata":{"candidatesTokenCount":3}}]"#;
        let read = GEMINI.whole(body).unwrap();
        assert_eq!((&body[read.model.unwrap()], &body[read.more_models[0].clone()]), (&b"\"a\""[..], &b"\"b\""[..]));
        assert_eq!(read.counts.unwrap().output, Some(3));
        assert!(GEMINI.whole(br#"[[null,[],null,null,"a"]]"#).is_none(), "a list of lists is none");
    }
}

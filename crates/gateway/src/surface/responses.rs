//! `POST /v1/responses` and its sub-paths: `compact`, `input_tokens`,
//! `{id}/cancel` and what else hosts have (sub2api-host-api.md §4.1, §4.4).

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::call::WrongMethod;
use super::envelope::text;
use super::members::Members;
use super::reading::{Meaning, Said, is_blank, kind_in_head, object, says_something, text_of};
use super::stable_prefix::{Opening, Speaker, StablePrefix};
use super::usage::Usage;
use super::{
    COMMENT, Call, Counts, Dialect, Envelope, EnvelopeError, ErrorShape, Framing, Request, RequestLine, StoredResponse,
    sse,
};

const PATH: &str = "/v1/responses";

/// OpenAI's responses. A stream ends with `response.completed`, `.incomplete` or `.failed`.
pub(crate) static RESPONSES: Dialect = Dialect {
    surface: relay_routing::Surface::Responses,
    recognize,
    takes_forms: false,
    read_request,
    read_event,
    read_whole,
    model_member: b"model",
    ends_with_done: false,
    failures_are_answers: false,
    may_end_unread: |head| kind_in_head(head).is_none_or(|kind| is_end(&kind)),
    keep_alive: COMMENT,
    errors: ErrorShape::OpenAi,
    error_event,
};

/// The same about a stored response: that it failed is what was asked for, and no failure of the host.
static STORED: Dialect = Dialect {
    surface: relay_routing::Surface::Responses,
    recognize,
    takes_forms: false,
    read_request,
    read_event,
    read_whole: |body| read_whole(body).map(|said| Said { meaning: Meaning::Output, ..said }),
    model_member: b"model",
    ends_with_done: false,
    failures_are_answers: true,
    may_end_unread: |head| kind_in_head(head).is_none_or(|kind| is_end(&kind)),
    keep_alive: COMMENT,
    errors: ErrorShape::OpenAi,
    error_event,
};

/// The path itself, or one below it: `compact` and `input_tokens`, or a stored response and what can be done with it.
fn recognize(line: RequestLine<'_>) -> Option<Result<Call, WrongMethod>> {
    let Some(below) = line.path.strip_prefix(PATH)?.strip_prefix('/') else {
        return (line.path == PATH).then(|| Call::post(&RESPONSES, line));
    };
    if !below.split('/').all(is_segment) {
        return None;
    }
    let (id, action) = below.split_once('/').map_or((below, None), |(id, action)| (id, Some(action)));
    let method = match (line.method, action) {
        ("POST", None) if below == "input_tokens" => return Some(Ok(Call::plain(&RESPONSES).counting())),
        ("POST", None) => return Some(Ok(Call::plain(&RESPONSES))),
        ("POST", Some(_)) => "POST",
        ("GET", _) => "GET",
        ("DELETE", None) => "DELETE",
        (_, None) => return Some(Err(WrongMethod("POST, GET, DELETE"))),
        (_, Some(_)) => return Some(Err(WrongMethod("POST, GET"))),
    };
    let framing = if line.asks("stream=true") { Framing::Events } else { Framing::Whole };
    let response_id = Some(id.to_owned());
    Some(Ok(Call { method, framing: Some(framing), response_id, ..Call::plain(&STORED) }))
}

/// Hosts take no other characters, and dots alone would lead out of the path.
fn is_segment(segment: &str) -> bool {
    let is_taken = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    segment.bytes().all(is_taken) && segment.bytes().any(|byte| byte != b'.')
}

fn read_request(request: Request<'_>) -> Result<Envelope, EnvelopeError> {
    let about = request.call.response_id.clone().map(StoredResponse::Named);
    if about.is_some() && request.body.trim_ascii().is_empty() {
        let framing = request.call.framing.unwrap_or_default();
        return Ok(Envelope { response_id: about, framing, ..Envelope::default() });
    }
    let members = Members::read(request.body)?;
    let envelope = match Envelope::of_members(request.body, &members) {
        // Whoever made the response knows its model.
        Err(EnvelopeError::NoModel) if about.is_some() => Envelope::default(),
        read => read?,
    };
    let previous = text(members.previous_response_id).filter(|id| !id.trim().is_empty());
    let is = |value: Option<&RawValue>, expected: &str| value.is_some_and(|value| value.get() == expected);
    let background = is(members.background, "true");
    // Responses are stored unless the client says otherwise.
    let goes_on_stored = previous.is_some() && !is(members.store, "false");
    let in_conversation = members.conversation.is_some_and(|value| !is_blank(value));
    // With a history at the host the input is only what was added.
    let is_whole_input = previous.is_none() && !in_conversation;
    Ok(Envelope {
        stable_prefix: if is_whole_input { stable_prefix(&envelope.model, &members) } else { None },
        response_id: about.or(previous.map(StoredResponse::Previous)),
        background,
        stateful: background || goes_on_stored || in_conversation,
        ..envelope
    })
}

/// The input is a text, or a list of items.
fn stable_prefix(model: &str, members: &Members<'_>) -> Option<[u8; 16]> {
    let input = members.input?;
    let opening = if input.get().starts_with('"') {
        Opening { first_user: Some(input), ..Opening::default() }
    } else {
        Opening::read(input, Speaker::Named)?
    };
    StablePrefix::new(model).with(members.tools).with(members.instructions).with_opening(&opening)
}

/// OpenAI's event has what happened at its top. Its packages raise what stands in
/// `error`, so it is said there as well, as hosts do (sub2api-host-api.md §4.4).
fn error_event(body: &[u8], number: u64) -> Bytes {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        error: Option<&'a RawValue>,
    }
    #[derive(Default, Deserialize)]
    struct Error<'a> {
        #[serde(borrow)]
        code: Option<&'a RawValue>,
        #[serde(borrow)]
        message: Option<&'a RawValue>,
        #[serde(borrow)]
        param: Option<&'a RawValue>,
    }
    let error = serde_json::from_slice::<Body<'_>>(body).ok().and_then(|body| body.error);
    let told = error.and_then(|error| serde_json::from_str::<Error<'_>>(error.get()).ok()).unwrap_or_default();
    let json = |value: Option<&RawValue>| value.map_or("null", RawValue::get).to_owned();
    let event = format!(
        r#"{{"type":"error","sequence_number":{number},"code":{},"message":{},"param":{},"error":{}}}"#,
        json(told.code),
        json(told.message),
        json(told.param),
        json(error),
    );
    [b"event: error\n", &sse::event_of(event.as_bytes())[..]].concat().into()
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    sequence_number: Option<&'a RawValue>,
    #[serde(borrow)]
    response: Option<Response<'a>>,
    #[serde(borrow)]
    item: Option<&'a RawValue>,
    #[serde(borrow)]
    part: Option<&'a RawValue>,
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// A response: inside an event, or as a whole answer.
#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    object: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    output: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

fn read_event(data: &[u8]) -> Option<Said<'_>> {
    let event: Event<'_> = object(data)?;
    let meaning = event.meaning();
    let sequence = event.sequence_number.and_then(|number| number.get().parse().ok());
    let said = match &event.response {
        Some(response) => response.said(meaning),
        None => Said::plain(meaning),
    };
    Some(Said { sequence, ..said })
}

impl Event<'_> {
    fn meaning(&self) -> Meaning {
        let holds = |said: bool| if said { Meaning::Output } else { Meaning::Start };
        match &*text_of(self.kind) {
            "error" => Meaning::Error,
            "response.failed" => Meaning::Failed,
            _ if self.error.is_some() => Meaning::Error,
            "response.created" | "response.queued" | "response.in_progress" | "keepalive" | "ping" => Meaning::Start,
            "response.output_item.added" => holds(self.item.is_some_and(|item| !opens_only(item))),
            "response.content_part.added" | "response.reasoning_summary_part.added" => {
                holds(self.part.is_some_and(|part| says_something(part, &[b"type"])))
            }
            kind if is_end(kind) => match self.response.as_ref().and_then(|response| response.output) {
                Some(output) if !is_blank(output) => Meaning::TerminalOutput,
                _ => Meaning::Terminal,
            },
            kind if kind.rsplit_once('.').is_some_and(|(_, last)| last == "delta") => {
                holds(self.delta.is_some_and(|delta| !is_blank(delta)))
            }
            _ => Meaning::Output,
        }
    }
}

/// Hosts have used other words for these ends than OpenAI has.
fn is_end(kind: &str) -> bool {
    let kind = kind.strip_prefix("response.");
    matches!(kind, Some("completed" | "done" | "incomplete" | "cancelled" | "canceled"))
}

/// Messages and reasoning begin empty; any other item, such as the call of a
/// tool, is itself what the model says.
fn opens_only(item: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Item<'a> {
        #[serde(borrow, rename = "type")]
        kind: Option<&'a RawValue>,
        #[serde(borrow)]
        content: Option<&'a RawValue>,
        #[serde(borrow)]
        summary: Option<&'a RawValue>,
        #[serde(borrow)]
        encrypted_content: Option<&'a RawValue>,
    }
    let Ok(item) = serde_json::from_str::<Item<'_>>(item.get()) else { return false };
    let mut said = [item.content, item.summary, item.encrypted_content].into_iter().flatten();
    matches!(&*text_of(item.kind), "message" | "reasoning") && said.all(is_blank)
}

fn read_whole(body: &[u8]) -> Option<Said<'_>> {
    let response: Response<'_> = object(body)?;
    let failed = text_of(response.status) == "failed" || (response.error.is_some() && response.output.is_none());
    Some(response.said(if failed { Meaning::Error } else { Meaning::Output }))
}

impl<'a> Response<'a> {
    fn said(&self, meaning: Meaning) -> Said<'a> {
        // Nobody goes on from the id of a compaction.
        let can_go_on = text_of(self.object) == "response";
        Said {
            model: self.model,
            counts: self.usage.and_then(read_usage),
            response_id: self.id.filter(|_| can_go_on),
            ..Said::plain(meaning)
        }
    }
}

/// What a `usage` object counts.
pub(super) fn read_usage(usage: &RawValue) -> Option<Counts> {
    let usage = Usage::read(usage)?;
    let input = usage.input_tokens_details.unwrap_or_default();
    Some(Counts {
        input: usage.input_tokens,
        uncached_input: None,
        cached_input: input.cached_tokens,
        cache_write: input.cache_write_tokens,
        output: usage.output_tokens,
        reasoning: usage.output_tokens_details.and_then(|details| details.reasoning_tokens),
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;

    fn envelope(members: &str) -> Envelope {
        testing::envelope(&RESPONSES, &format!(r#"{{"model":"m"{members}}}"#)).unwrap()
    }

    fn meaning(data: &str) -> Meaning {
        testing::meaning(&RESPONSES, &format!("data: {data}\n\n"))
    }

    fn call(method: &str, path: &str) -> Option<Result<Call, WrongMethod>> {
        recognize(RequestLine { method, path, query: None })
    }

    #[test]
    fn paths_below_are_ordinary_requests_or_about_a_stored_response() {
        let about = |method: &str, path: &str| call(method, path).unwrap().map(|call| (call.method, call.response_id));
        for path in ["/v1/responses", "/v1/responses/compact", "/v1/responses/input_tokens"] {
            assert_eq!(about("POST", path), Ok(("POST", None)), "{path}");
        }
        let stored = |method: &'static str| Ok((method, Some("resp_1".to_owned())));
        assert_eq!(about("POST", "/v1/responses/resp_1/cancel"), stored("POST"));
        assert_eq!(about("GET", "/v1/responses/resp_1"), stored("GET"));
        assert_eq!(about("GET", "/v1/responses/resp_1/input_items"), stored("GET"));
        assert_eq!(about("DELETE", "/v1/responses/resp_1"), stored("DELETE"));
        assert_eq!(about("PATCH", "/v1/responses/resp_1"), Err(WrongMethod("POST, GET, DELETE")));
        for path in
            ["/v1/responses/", "/v1/responses/..", "/v1/responses/a/../b", "/v1/responses/a%2fb", "/v1/responsesx"]
        {
            assert!(call("POST", path).is_none(), "{path}");
        }
    }

    #[test]
    fn what_must_not_be_done_twice_is_told() {
        assert!(!envelope("").stateful);
        assert!(envelope(r#","background":true"#).stateful);
        assert!(envelope(r#","previous_response_id":"r""#).stateful);
        assert!(envelope(r#","previous_response_id":"r","store":true"#).stateful);
        assert!(!envelope(r#","previous_response_id":"r","store":false"#).stateful);
        assert!(envelope(r#","conversation":"c""#).stateful);
        let previous = |members: &str| envelope(members).response_id;
        assert_eq!(previous(r#","previous_response_id":"r""#), Some(StoredResponse::Previous("r".into())));
        assert_eq!(previous(r#","previous_response_id":null"#), None);
    }

    #[test]
    fn the_prefix_is_of_the_whole_input_alone() {
        let prefix = |members: &str| envelope(members).stable_prefix;
        let text = prefix(r#","input":"hi""#);
        assert!(text.is_some());
        assert_eq!(
            text,
            prefix(r#","input":[{"role":"user","content":"hi"},{"type":"reasoning"},{"role":"user","content":"x"}]"#)
        );
        assert_ne!(text, prefix(r#","input":"hi","instructions":"i""#));
        assert_eq!(prefix(r#","input":"hi","previous_response_id":"r""#), None);
    }

    #[test]
    fn what_opens_an_answer_is_no_output() {
        for silent in [
            r#"{"type":"response.created","response":{"id":"r"}}"#,
            r#"{"type":"response.in_progress","response":{"id":"r"}}"#,
            r#"{"type":"response.output_item.added","item":{"type":"message","content":[]}}"#,
            r#"{"type":"response.output_item.added","item":{"type":"reasoning","summary":[]}}"#,
            r#"{"type":"response.content_part.added","part":{"type":"output_text","text":"","annotations":[]}}"#,
            r#"{"type":"response.output_text.delta","delta":""}"#,
        ] {
            assert_eq!(meaning(silent), Meaning::Start, "{silent}");
        }
        for loud in [
            r#"{"type":"response.output_item.added","item":{"type":"function_call","name":"f"}}"#,
            r#"{"type":"response.output_text.delta","delta":"x"}"#,
            r#"{"type":"response.reasoning_summary_text.delta","delta":"x"}"#,
            r#"{"type":"response.output_item.done","item":{}}"#,
        ] {
            assert_eq!(meaning(loud), Meaning::Output, "{loud}");
        }
    }

    #[test]
    fn ends_and_errors_are_told_apart() {
        assert_eq!(meaning(r#"{"type":"response.completed","response":{"output":[]}}"#), Meaning::Terminal);
        assert_eq!(meaning(r#"{"type":"response.completed","response":{"output":[{}]}}"#), Meaning::TerminalOutput);
        assert_eq!(meaning(r#"{"type":"response.incomplete","response":{}}"#), Meaning::Terminal);
        assert_eq!(meaning(r#"{"type":"response.failed","response":{"error":{}}}"#), Meaning::Failed);
        assert_eq!(meaning(r#"{"type":"error","code":"x"}"#), Meaning::Error);
        let whole = |body: &str| RESPONSES.whole(body.as_bytes()).map(|read| (read.meaning, read.response_id));
        assert_eq!(whole(r#"{"id":"r","object":"response","output":[]}"#), Some((Meaning::Output, Some("r".into()))));
        assert_eq!(whole(r#"{"id":"c","object":"response.compaction","output":[]}"#), Some((Meaning::Output, None)));
        assert_eq!(whole(r#"{"status":"failed","error":{}}"#).map(|read| read.0), Some(Meaning::Error));
    }

    #[test]
    fn an_error_says_what_it_is_at_the_top_and_below_error() {
        let event = error_event(br#"{"error":{"message":"m","type":"t","param":null,"code":"c"}}"#, 7);
        assert_eq!(
            std::str::from_utf8(&event).unwrap(),
            "event: error\ndata: {\"type\":\"error\",\"sequence_number\":7,\"code\":\"c\",\"message\":\"m\",\"param\":null,\
             \"error\":{\"message\":\"m\",\"type\":\"t\",\"param\":null,\"code\":\"c\"}}\n\n"
        );
    }
}

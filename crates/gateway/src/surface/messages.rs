//! `POST /v1/messages` and `/v1/messages/count_tokens` (sub2api-host-api.md §4.4).

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::members::Members;
use super::reading::{Meaning, Said, object, says_something, text_of};
use super::usage::Usage;
use super::whole::Whole;
use super::{COMMENT, Call, Counts, Dialect, Envelope, EnvelopeError, ErrorShape, Request, sse, stable_prefix};

/// Anthropic's messages. A stream ends with `message_stop`.
pub(crate) static MESSAGES: Dialect = Dialect {
    surface: relay_routing::Surface::Messages,
    recognize: |line| (line.path == "/v1/messages").then(|| Call::post(&MESSAGES, line)),
    takes_forms: false,
    read_request,
    read_event,
    read_whole,
    model_member: b"model",
    ends_with_done: false,
    failures_are_answers: false,
    may_end_unread: |_| false,
    keep_alive: COMMENT,
    errors: ErrorShape::Anthropic,
    error_event,
};

/// How many tokens messages would take. It takes the same body, so that it goes
/// to the host whose answer will be the true one.
pub(crate) static COUNT_TOKENS: Dialect = Dialect {
    surface: relay_routing::Surface::CountTokens,
    recognize: |line| {
        (line.path == "/v1/messages/count_tokens").then(|| Call::post(&COUNT_TOKENS, line).map(Call::counting))
    },
    takes_forms: false,
    read_request,
    read_event,
    read_whole,
    model_member: b"model",
    ends_with_done: false,
    failures_are_answers: false,
    may_end_unread: |_| false,
    keep_alive: COMMENT,
    errors: ErrorShape::Anthropic,
    error_event,
};

fn read_request(request: Request<'_>) -> Result<Envelope, EnvelopeError> {
    let members = Members::read(request.body)?;
    let envelope = Envelope::of_members(request.body, &members)?;
    Ok(Envelope {
        metadata_session: members.metadata.and_then(metadata_session),
        stable_prefix: stable_prefix::of_messages(&envelope.model, &members),
        ..envelope
    })
}

/// Clients of Anthropic skip events that have no name.
fn error_event(body: &[u8], _number: u64) -> Bytes {
    [b"event: error\n", &sse::event_of(body)[..]].concat().into()
}

/// The session of `metadata.user_id`, in both forms that Claude Code has used:
/// `user_<hex>_account_<uuid>_session_<uuid>` and a JSON text with
/// `session_id` (sub2api-host-api.md §5.1). Other values name a user, not a
/// conversation.
pub(super) fn metadata_session(metadata: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Metadata {
        user_id: Option<String>,
    }
    #[derive(Deserialize)]
    struct UserId {
        session_id: Option<String>,
    }
    let user_id = serde_json::from_str::<Metadata>(metadata.get()).ok()?.user_id?;
    let session = match user_id.rsplit_once("_session_") {
        Some((_, session)) => Some(session.to_owned()),
        None => serde_json::from_str::<UserId>(&user_id).ok()?.session_id,
    };
    session.filter(|session| !session.trim().is_empty())
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    content_block: Option<&'a RawValue>,
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

fn read_event(data: &[u8]) -> Option<Said<'_>> {
    let event: Event<'_> = object(data)?;
    // Of an error it may be a text.
    let message = event.message.and_then(|message| object::<Message<'_>>(message.get().as_bytes()));
    let (model, opening_usage) = message.map(|message| (message.model, message.usage)).unwrap_or_default();
    Some(Said { model, counts: event.usage.or(opening_usage).and_then(read_usage), ..Said::plain(event.meaning()) })
}

impl Event<'_> {
    fn meaning(&self) -> Meaning {
        // The name of the event may be missing, `type` is not (sub2api-host-api.md §7.8).
        let holds = |value: Option<&RawValue>| match value {
            Some(value) if says_something(value, &[b"type"]) => Meaning::Output,
            _ => Meaning::Start,
        };
        match &*text_of(self.kind) {
            "error" => Meaning::Error,
            _ if self.error.is_some() => Meaning::Error,
            // A block that is closed without a word has said nothing either.
            "ping" | "message_start" | "content_block_stop" => Meaning::Start,
            // A tool call begins with its name; texts and thoughts begin empty.
            "content_block_start" => holds(self.content_block),
            // Hosts keep Claude Code alive with empty ones (sub2api-host-api.md §4.4).
            "content_block_delta" => holds(self.delta),
            "message_stop" => Meaning::Terminal,
            _ => Meaning::Output,
        }
    }
}

fn read_whole(body: &[u8]) -> Option<Said<'_>> {
    let whole = Whole::read(body)?;
    let is_error = text_of(whole.kind) == "error" || whole.is_error_without(whole.content);
    Some(whole.said(is_error, read_usage))
}

/// `message_start` tells the input and a first count of the output, and each
/// `message_delta` the counts so far, in which newer hosts repeat the input. It is told
/// without what was read from a cache or written into one.
fn read_usage(usage: &RawValue) -> Option<Counts> {
    let usage = Usage::read(usage)?;
    Some(Counts {
        input: None,
        uncached_input: usage.input_tokens,
        cached_input: usage.cache_read_input_tokens,
        cache_write: usage.cache_creation_input_tokens,
        output: usage.output_tokens,
        reasoning: usage.output_tokens_details.and_then(|details| details.thinking_tokens),
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;

    fn meaning(data: &str) -> Meaning {
        testing::meaning(&MESSAGES, &format!("event: x\ndata: {data}\n\n"))
    }

    #[test]
    fn what_opens_an_answer_or_keeps_it_alive_is_no_output() {
        for silent in [
            r#"{"type": "ping"}"#,
            r#"{"type":"message_start","message":{"id":"m","content":[],"model":"m","usage":{"input_tokens":3}}}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":""}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
        ] {
            assert_eq!(meaning(silent), Meaning::Start, "{silent}");
        }
        // As hosts write it while they queue: without a name.
        assert_eq!(testing::meaning(&MESSAGES, "data: {\"type\": \"ping\"}\n\n"), Meaning::Start);
    }

    #[test]
    fn what_the_model_says_is_output_and_ends_and_errors_are_told_apart() {
        for loud in [
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"x"}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{"}}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}}"#,
            r#"{"type":"something_new"}"#,
        ] {
            assert_eq!(meaning(loud), Meaning::Output, "{loud}");
        }
        assert_eq!(meaning(r#"{"type":"message_stop"}"#), Meaning::Terminal);
        assert_eq!(meaning(r#"{"type":"error","error":{"type":"overloaded_error"}}"#), Meaning::Error);
        assert_eq!(testing::meaning(&MESSAGES, "data: {\"type\":\"error\",\"error\":{}}\n\n"), Meaning::Error);
        assert_eq!(meaning(r#"{"type":"error","message":"a text"}"#), Meaning::Error);
        assert_eq!(meaning("<html>"), Meaning::Junk);
    }

    #[test]
    fn usage_is_told_in_parts_that_add_up() {
        let start = r#"data: {"type":"message_start","message":{"model":"m","usage":{"input_tokens":3,"cache_read_input_tokens":60,
            "cache_creation_input_tokens":7,"output_tokens":1}}}"#;
        let start = start.replace('\n', "");
        let end = r#"data: {"type":"message_delta","delta":{},"usage":{"output_tokens":40}}"#;
        let mut counts = testing::event(&MESSAGES, &format!("{start}\n\n")).counts.unwrap();
        counts.update(testing::event(&MESSAGES, &format!("{end}\n\n")).counts.unwrap());
        let usage = counts.usage().unwrap();
        assert_eq!(
            (usage.input, usage.cached_input, usage.cache_write, usage.output),
            (Some(70), Some(60), Some(7), Some(40))
        );
        assert_eq!(usage.reasoning, None);
    }

    #[test]
    fn adding_a_turn_or_moving_a_mark_does_not_change_the_prefix() {
        let prefix = |messages: &str| {
            let body = format!(
                r#"{{"model":"m","system":[{{"type":"text","text":"x-anthropic-billing-header: cc_version={}"}},{{"type":"text","text":"s"}}],"messages":[{messages}]}}"#,
                messages.len()
            );
            testing::envelope(&MESSAGES, &body).unwrap().stable_prefix
        };
        let first =
            prefix(r#"{"role":"user","content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral"}}]}"#);
        assert!(first.is_some());
        assert_eq!(
            first,
            prefix(
                r#"{"role":"user","content":"hi"},{"role":"assistant","content":"a"},{"role":"user","content":"b"}"#
            )
        );
        assert_ne!(first, prefix(r#"{"role":"user","content":"ho"}"#));
    }

    #[test]
    fn the_session_is_read_from_both_forms_of_metadata() {
        let session = |user_id: &str| {
            let metadata = serde_json::json!({ "user_id": user_id }).to_string();
            metadata_session(serde_json::from_str(&metadata).unwrap())
        };
        assert_eq!(session("user_ab_account__session_1234"), Some("1234".into()));
        assert_eq!(session(r#"{"device_id":"d","session_id":"s-1"}"#), Some("s-1".into()));
        assert_eq!(session("alice"), None);
    }
}

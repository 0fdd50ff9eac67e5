//! `POST /v1/messages` and `/v1/messages/count_tokens` (sub2api-host-api.md §4.4).

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::members::Members;
use super::reading::{Meaning, Said, says_something, text_of};
use super::{COMMENT, Call, Counts, Dialect, Envelope, EnvelopeError, ErrorShape, Request, sse, stable_prefix};

/// Anthropic's messages. A stream ends with `message_stop`.
pub(crate) static MESSAGES: Dialect = Dialect {
    surface: relay_routing::Surface::Messages,
    recognize: |line| (line.path == "/v1/messages").then(|| Call::post(&MESSAGES, line)),
    read_request,
    read_event,
    read_whole,
    model_member: b"model",
    may_end_unread: false,
    keep_alive: COMMENT,
    errors: ErrorShape::Anthropic,
    error_event,
};

/// How many tokens messages would take. It takes the same body, so that it goes
/// to the host whose answer will be the true one.
pub(crate) static COUNT_TOKENS: Dialect = Dialect {
    surface: relay_routing::Surface::CountTokens,
    recognize: |line| (line.path == "/v1/messages/count_tokens").then(|| Call::post(&COUNT_TOKENS, line)),
    read_request,
    read_event,
    read_whole: |body| {
        // `input_tokens` is the answer here, and nothing that was used.
        read_whole(body).map(|said| Said { counts: None, ..said })
    },
    model_member: b"model",
    may_end_unread: false,
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
    message: Option<Message<'a>>,
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
    let event: Event<'_> = serde_json::from_slice(data).ok()?;
    let (model, opening_usage) =
        event.message.as_ref().map(|message| (message.model, message.usage)).unwrap_or_default();
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

#[derive(Deserialize)]
struct Whole<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    error: Option<IgnoredAny>,
    content: Option<IgnoredAny>,
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

fn read_whole(body: &[u8]) -> Option<Said<'_>> {
    let whole: Whole<'_> = serde_json::from_slice(body).ok()?;
    let is_error = text_of(whole.kind) == "error" || (whole.error.is_some() && whole.content.is_none());
    Some(Said {
        model: whole.model,
        counts: whole.usage.and_then(read_usage),
        ..Said::plain(if is_error { Meaning::Error } else { Meaning::Output })
    })
}

/// `message_start` tells the input and a first count of the output, and each
/// `message_delta` the counts so far, in which newer hosts repeat the input.
#[derive(Deserialize)]
struct Usage {
    /// Without what was read from a cache or written into one.
    input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Deserialize)]
struct OutputDetails {
    thinking_tokens: Option<u64>,
}

fn read_usage(usage: &RawValue) -> Option<Counts> {
    let usage = serde_json::from_str::<Option<Usage>>(usage.get()).ok()??;
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
    use super::*;

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

//! Anthropic's Messages API.

use serde_json::{Value, json};

use super::answer::{Answer, Facts};
use super::chat::split;
use super::sse::Event;

const ARGUMENT_PIECES: usize = 3;

pub(super) fn json(answer: &Answer, facts: &Facts) -> Value {
    let mut content = Vec::new();
    let text = answer.text(facts);
    if !text.is_empty() || answer.tools.is_empty() {
        content.push(json!({"type": "text", "text": text}));
    }
    for (index, (name, arguments)) in answer.tools.iter().enumerate() {
        // Arguments that are not JSON are a test's own wish; they stay visible as text.
        let input: Value = serde_json::from_str(arguments).unwrap_or_else(|_| Value::from(arguments.as_str()));
        content.push(json!({"type": "tool_use", "id": tool_id(facts, index), "name": name, "input": input}));
    }
    json!({
        "id": facts.id("msg_"), "type": "message", "role": "assistant", "model": answer.model(facts),
        "content": content, "stop_reason": stop_reason(answer), "stop_sequence": null, "usage": usage(answer, facts, true),
    })
}

pub(super) fn events(answer: &Answer, facts: &Facts) -> Vec<Event> {
    let event = |kind: &'static str, mut data: Value| {
        if let Value::Object(members) = &mut data {
            members.shift_insert(0, "type".to_owned(), kind.into());
        }
        Event::named(kind, data.to_string())
    };
    let start = json!({
        "id": facts.id("msg_"), "type": "message", "role": "assistant", "model": answer.model(facts),
        "content": [], "stop_reason": null, "stop_sequence": null, "usage": usage(answer, facts, false),
    });
    let mut events = vec![event("message_start", json!({ "message": start }))];
    let mut index = 0;
    if !answer.text.is_empty() || answer.tools.is_empty() {
        let block = json!({"type": "text", "text": ""});
        events.push(event("content_block_start", json!({"index": 0, "content_block": block})));
        // Written as upstream writes it, with the space.
        events.push(Event::named("ping", "{\"type\": \"ping\"}"));
        for piece in answer.pieces(facts) {
            let delta = json!({"type": "text_delta", "text": piece});
            events.push(event("content_block_delta", json!({"index": 0, "delta": delta})));
        }
        events.push(event("content_block_stop", json!({"index": 0})));
        index = 1;
    }
    for (number, (name, arguments)) in answer.tools.iter().enumerate() {
        let at = index + number;
        let block = json!({"type": "tool_use", "id": tool_id(facts, number), "name": name, "input": {}});
        events.push(event("content_block_start", json!({"index": at, "content_block": block})));
        for piece in split(arguments, ARGUMENT_PIECES) {
            let delta = json!({"type": "input_json_delta", "partial_json": piece});
            events.push(event("content_block_delta", json!({"index": at, "delta": delta})));
        }
        events.push(event("content_block_stop", json!({"index": at})));
    }
    let delta = json!({"stop_reason": stop_reason(answer), "stop_sequence": null});
    let counts = json!({"output_tokens": answer.counts(facts).output});
    let end = if answer.without_usage { json!({"delta": delta}) } else { json!({"delta": delta, "usage": counts}) };
    events.push(event("message_delta", end));
    if !answer.without_terminal {
        events.push(event("message_stop", json!({})));
    }
    events
}

fn tool_id(facts: &Facts, index: usize) -> String {
    format!("{}-{index}", facts.id("toolu_"))
}

fn stop_reason(answer: &Answer) -> String {
    let usual = if answer.tools.is_empty() { "end_turn" } else { "tool_use" };
    answer.finish_reason.clone().unwrap_or_else(|| usual.to_owned())
}

fn usage(answer: &Answer, facts: &Facts, whole: bool) -> Value {
    if answer.without_usage {
        return Value::Null;
    }
    let counts = answer.counts(facts);
    json!({
        "input_tokens": counts.input - counts.cached.min(counts.input),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": counts.cached,
        "output_tokens": if whole { counts.output } else { 1 },
    })
}

//! Chat completions, as OpenAI writes them.

use serde_json::{Map, Value, json};

use super::answer::{Answer, CREATED, Facts, Usage};
use super::sse::Event;

/// In how many pieces the arguments of a tool call are streamed.
const ARGUMENT_PIECES: usize = 3;

pub(super) fn json(answer: &Answer, facts: &Facts) -> Value {
    let mut message = Map::new();
    message.insert("role".to_owned(), "assistant".into());
    let text = answer.text(facts);
    let content = if answer.tools.is_empty() || !text.is_empty() { Value::from(text) } else { Value::Null };
    message.insert("content".to_owned(), content);
    if !answer.tools.is_empty() {
        let calls = answer.tools.iter().enumerate().map(|(index, (name, arguments))| {
            json!({"id": call_id(facts, index), "type": "function", "function": {"name": name, "arguments": arguments}})
        });
        message.insert("tool_calls".to_owned(), calls.collect());
    }
    message.insert("refusal".to_owned(), Value::Null);
    let mut body = json!({
        "id": facts.id("chatcmpl-"),
        "object": "chat.completion",
        "created": CREATED,
        "model": answer.model(facts),
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": finish_reason(answer)}],
    });
    if !answer.without_usage {
        body["usage"] = usage(answer.counts(facts));
    }
    body["system_fingerprint"] = fingerprint(facts).into();
    body
}

pub(super) fn events(answer: &Answer, facts: &Facts) -> Vec<Event> {
    let with_usage = (facts.include_usage || answer.usage_unasked) && !answer.without_usage;
    let chunk = |choices: Value, counts: Option<Usage>| {
        let mut body = json!({
            "id": facts.id("chatcmpl-"),
            "object": "chat.completion.chunk",
            "created": CREATED,
            "model": answer.model(facts),
            "system_fingerprint": fingerprint(facts),
            "choices": choices,
        });
        if with_usage {
            body["usage"] = counts.map_or(Value::Null, usage);
        }
        Event::data(body.to_string())
    };
    let delta =
        |delta: Value| chunk(json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": null}]), None);

    let mut events = vec![delta(json!({"role": "assistant", "content": "", "refusal": null}))];
    events.extend(answer.pieces(facts).into_iter().map(|piece| delta(json!({"content": piece}))));
    for (index, (name, arguments)) in answer.tools.iter().enumerate() {
        let function = json!({"name": name, "arguments": ""});
        let opening = json!({"index": index, "id": call_id(facts, index), "type": "function", "function": function});
        events.push(delta(json!({"tool_calls": [opening]})));
        for piece in split(arguments, ARGUMENT_PIECES) {
            events.push(delta(json!({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})));
        }
    }
    let end = json!([{"index": 0, "delta": {}, "logprobs": null, "finish_reason": finish_reason(answer)}]);
    events.push(chunk(end, None));
    if with_usage {
        events.push(chunk(json!([]), Some(answer.counts(facts))));
    }
    if !answer.without_terminal {
        events.push(Event::data("[DONE]"));
    }
    events
}

fn call_id(facts: &Facts, index: usize) -> String {
    format!("{}-{index}", facts.id("call_"))
}

fn fingerprint(facts: &Facts) -> String {
    format!("fp_{}", facts.host)
}

fn finish_reason(answer: &Answer) -> String {
    let usual = if answer.tools.is_empty() { "stop" } else { "tool_calls" };
    answer.finish_reason.clone().unwrap_or_else(|| usual.to_owned())
}

fn usage(counts: Usage) -> Value {
    json!({
        "prompt_tokens": counts.input,
        "completion_tokens": counts.output,
        "total_tokens": counts.input + counts.output,
        "prompt_tokens_details": {"cached_tokens": counts.cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": counts.reasoning, "audio_tokens": 0},
    })
}

/// Cuts a text into at most `count` pieces of about equal length in characters.
pub(super) fn split(text: &str, count: usize) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let size = characters.len().div_ceil(count).max(1);
    characters.chunks(size).map(|piece| piece.iter().collect()).collect()
}

//! Chat completions, as OpenAI writes them and as a host writes them that converts.

use serde_json::{Map, Value, json};

use super::answer::{Answer, CREATED, Facts, Usage};
use super::sse::Event;
use crate::gateway::Personality;

/// In how many pieces the arguments of a tool call are streamed.
const ARGUMENT_PIECES: usize = 3;

pub(super) fn json(answer: &Answer, facts: &Facts) -> Value {
    let converted = is_converted(facts);
    let mut message = Map::new();
    message.insert("role".to_owned(), "assistant".into());
    let text = answer.text(facts);
    if answer.tools.is_empty() || !text.is_empty() {
        message.insert("content".to_owned(), text.into());
    } else if !converted {
        message.insert("content".to_owned(), Value::Null);
    }
    if !answer.tools.is_empty() {
        let calls = answer.tools.iter().enumerate().map(|(index, (name, arguments))| {
            json!({"id": call_id(facts, index), "type": "function", "function": {"name": name, "arguments": arguments}})
        });
        message.insert("tool_calls".to_owned(), calls.collect());
    }
    if !converted {
        message.insert("refusal".to_owned(), Value::Null);
    }
    let mut body = envelope(answer, facts, "chat.completion", choice(facts, "message", message.into(), Some(answer)));
    if !answer.without_usage {
        body["usage"] = usage(answer.counts(facts), converted);
    }
    body
}

pub(super) fn events(answer: &Answer, facts: &Facts) -> Vec<Event> {
    let converted = is_converted(facts);
    let with_usage = (facts.include_usage || answer.usage_unasked || converted) && !answer.without_usage;
    let chunk = |choices: Value, counts: Option<Usage>| {
        let mut body = envelope(answer, facts, "chat.completion.chunk", choices);
        match counts {
            Some(counts) => body["usage"] = usage(counts, converted),
            // OpenAI says null in every other chunk, the converting host says nothing.
            None if with_usage && !converted => body["usage"] = Value::Null,
            None => {}
        }
        Event::data(body.to_string())
    };
    let delta = |delta: Value| chunk(choice(facts, "delta", delta, None), None);

    let opening = json!({"role": "assistant", "content": "", "refusal": null});
    let mut events = vec![delta(if converted { json!({"role": "assistant"}) } else { opening })];
    events.extend(answer.pieces(facts).into_iter().map(|piece| delta(json!({"content": piece}))));
    for (index, (name, arguments)) in answer.tools.iter().enumerate() {
        let function = json!({"name": name, "arguments": ""});
        let opening = json!({"index": index, "id": call_id(facts, index), "type": "function", "function": function});
        events.push(delta(json!({"tool_calls": [opening]})));
        for piece in split(arguments, ARGUMENT_PIECES) {
            events.push(delta(json!({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})));
        }
    }
    let last = if converted { json!({"content": ""}) } else { json!({}) };
    events.push(chunk(choice(facts, "delta", last, Some(answer)), None));
    if with_usage {
        events.push(chunk(json!([]), Some(answer.counts(facts))));
    }
    if !answer.without_terminal {
        events.push(Event::data("[DONE]"));
    }
    events
}

/// `[N]` calls its upstream's Responses API for chat completions and writes the chat shape itself: seen on a running host.
/// Its chunks leave out what OpenAI's carry as null, and usage always comes.
fn is_converted(facts: &Facts) -> bool {
    facts.personality == Personality::N
}

fn envelope(answer: &Answer, facts: &Facts, object: &str, choices: Value) -> Value {
    let mut body = json!({
        "id": facts.id("chatcmpl-"),
        "object": object,
        "created": CREATED,
        "model": answer.model(facts),
    });
    if !is_converted(facts) {
        body["system_fingerprint"] = fingerprint(facts).into();
    }
    body["choices"] = choices;
    body
}

/// The list of choices, of one; `ended` puts in why it ended.
fn choice(facts: &Facts, member: &str, said: Value, ended: Option<&Answer>) -> Value {
    let mut choice = json!({"index": 0});
    choice[member] = said;
    if !is_converted(facts) {
        choice["logprobs"] = Value::Null;
    }
    choice["finish_reason"] = ended.map(finish_reason).into();
    json!([choice])
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

fn usage(counts: Usage, only_what_is_there: bool) -> Value {
    let mut usage = json!({
        "prompt_tokens": counts.input,
        "completion_tokens": counts.output,
        "total_tokens": counts.input + counts.output,
    });
    if only_what_is_there {
        if counts.cached > 0 {
            usage["prompt_tokens_details"] = json!({"cached_tokens": counts.cached});
        }
        if counts.reasoning > 0 {
            usage["completion_tokens_details"] = json!({"reasoning_tokens": counts.reasoning});
        }
    } else {
        usage["prompt_tokens_details"] = json!({"cached_tokens": counts.cached, "audio_tokens": 0});
        usage["completion_tokens_details"] = json!({"reasoning_tokens": counts.reasoning, "audio_tokens": 0});
    }
    usage
}

/// Cuts a text into at most `count` pieces of about equal length in characters.
pub(super) fn split(text: &str, count: usize) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let size = characters.len().div_ceil(count).max(1);
    characters.chunks(size).map(|piece| piece.iter().collect()).collect()
}

//! The Responses API.

use serde_json::{Value, json};

use super::answer::{Answer, CREATED, Facts};
use super::chat::split;
use super::sse::Event;

const ARGUMENT_PIECES: usize = 3;

pub(super) fn json(answer: &Answer, facts: &Facts) -> Value {
    response(answer, facts, "completed", &output(answer, facts))
}

fn response(answer: &Answer, facts: &Facts, status: &str, output: &[Value]) -> Value {
    let counts = answer.counts(facts);
    let usage = if status == "completed" && !answer.without_usage {
        json!({
            "input_tokens": counts.input,
            "input_tokens_details": {"cached_tokens": counts.cached},
            "output_tokens": counts.output,
            "output_tokens_details": {"reasoning_tokens": counts.reasoning},
            "total_tokens": counts.input + counts.output,
        })
    } else {
        Value::Null
    };
    json!({
        "id": facts.id("resp_"), "object": "response", "created_at": CREATED, "status": status, "error": null,
        "model": answer.model(facts), "output": output, "usage": usage,
    })
}

fn output(answer: &Answer, facts: &Facts) -> Vec<Value> {
    let text = answer.text(facts);
    let mut items = Vec::new();
    if !text.is_empty() || answer.tools.is_empty() {
        items.push(message(facts, "completed", &json!([part(&text)])));
    }
    for (index, (name, arguments)) in answer.tools.iter().enumerate() {
        items.push(call(facts, index, "completed", name, arguments));
    }
    items
}

fn message(facts: &Facts, status: &str, content: &Value) -> Value {
    json!({"id": facts.id("msg_"), "type": "message", "status": status, "role": "assistant", "content": content})
}

fn part(text: &str) -> Value {
    json!({"type": "output_text", "annotations": [], "text": text})
}

fn call(facts: &Facts, index: usize, status: &str, name: &str, arguments: &str) -> Value {
    json!({
        "id": format!("{}-{index}", facts.id("fc_")), "type": "function_call", "status": status,
        "call_id": format!("{}-{index}", facts.id("call_")), "name": name, "arguments": arguments,
    })
}

pub(super) fn events(answer: &Answer, facts: &Facts) -> Vec<Event> {
    let mut events = Numbered::default();
    let start = response(answer, facts, "in_progress", &[]);
    events.push("response.created", json!({"response": start}));
    events.push("response.in_progress", json!({"response": start}));
    let mut index = 0;
    let text = answer.text(facts);
    if !text.is_empty() || answer.tools.is_empty() {
        let item = facts.id("msg_");
        let place = |more: Value| with(json!({"item_id": item, "output_index": 0, "content_index": 0}), more);
        let started = message(facts, "in_progress", &json!([]));
        events.push("response.output_item.added", json!({"output_index": 0, "item": started}));
        events.push("response.content_part.added", place(json!({"part": part("")})));
        for piece in answer.pieces(facts) {
            events.push("response.output_text.delta", place(json!({"delta": piece})));
        }
        events.push("response.output_text.done", place(json!({"text": text})));
        events.push("response.content_part.done", place(json!({"part": part(&text)})));
        let ended = message(facts, "completed", &json!([part(&text)]));
        events.push("response.output_item.done", json!({"output_index": 0, "item": ended}));
        index = 1;
    }
    for (number, (name, arguments)) in answer.tools.iter().enumerate() {
        let at = index + number;
        let started = call(facts, number, "in_progress", name, "");
        let item = started["id"].clone();
        events.push("response.output_item.added", json!({"output_index": at, "item": started}));
        for piece in split(arguments, ARGUMENT_PIECES) {
            let delta = json!({"item_id": item, "output_index": at, "delta": piece});
            events.push("response.function_call_arguments.delta", delta);
        }
        let done = json!({"item_id": item, "output_index": at, "arguments": arguments});
        events.push("response.function_call_arguments.done", done);
        let ended = call(facts, number, "completed", name, arguments);
        events.push("response.output_item.done", json!({"output_index": at, "item": ended}));
    }
    if !answer.without_terminal {
        events.push("response.completed", json!({"response": json(answer, facts)}));
    }
    events.events
}

/// Numbers the events as the API does.
#[derive(Default)]
struct Numbered {
    events: Vec<Event>,
}

impl Numbered {
    fn push(&mut self, kind: &'static str, members: Value) {
        let data = with(json!({"type": kind, "sequence_number": self.events.len()}), members);
        self.events.push(Event::named(kind, data.to_string()));
    }
}

fn with(mut base: Value, more: Value) -> Value {
    if let (Value::Object(base), Value::Object(more)) = (&mut base, more) {
        base.extend(more);
    }
    base
}

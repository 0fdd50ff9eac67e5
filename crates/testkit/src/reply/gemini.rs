//! Gemini's `generateContent` and its SSE form, which has no terminal event: the last chunk carries `finishReason`; and the other
//! actions of a model.

use serde_json::{Value, json};

use super::answer::{Answer, Facts};
use super::sse::Event;

pub(super) fn json(answer: &Answer, facts: &Facts) -> Value {
    let embedding = json!({"values": [0.25, -0.5, 1.0e-7]});
    match &*facts.action {
        "countTokens" => json!({"totalTokens": answer.counts(facts).input}),
        "embedContent" => json!({"embedding": embedding}),
        "batchEmbedContents" => json!({"embeddings": [embedding]}),
        // Without `alt=sse` a stream is a list.
        "streamGenerateContent" => json!([chunk(answer, facts, &answer.text(facts), true)]),
        _ => chunk(answer, facts, &answer.text(facts), true),
    }
}

pub(super) fn events(answer: &Answer, facts: &Facts) -> Vec<Event> {
    let pieces = answer.pieces(facts);
    let last = pieces.len().saturating_sub(1);
    let texts = if pieces.is_empty() { vec![String::new()] } else { pieces };
    let chunks = texts.iter().enumerate();
    chunks
        .map(|(index, piece)| {
            Event::data(chunk(answer, facts, piece, index == last && !answer.without_terminal).to_string())
        })
        .collect()
}

fn chunk(answer: &Answer, facts: &Facts, text: &str, last: bool) -> Value {
    let mut parts = vec![json!({ "text": text })];
    if last {
        parts.extend(answer.tools.iter().map(|(name, arguments)| {
            let args: Value = serde_json::from_str(arguments).unwrap_or_else(|_| Value::from(arguments.as_str()));
            json!({"functionCall": {"name": name, "args": args}})
        }));
    }
    let mut candidate = json!({"content": {"parts": parts, "role": "model"}, "index": 0});
    if last {
        candidate["finishReason"] = answer.finish_reason.clone().unwrap_or_else(|| "STOP".to_owned()).into();
    }
    let mut body = json!({ "candidates": [candidate] });
    if !answer.without_usage {
        let counts = answer.counts(facts);
        body["usageMetadata"] = json!({
            "promptTokenCount": counts.input,
            "candidatesTokenCount": counts.output,
            "totalTokenCount": counts.input + counts.output,
            "cachedContentTokenCount": counts.cached,
        });
    }
    body["modelVersion"] = answer.model(facts).into();
    body["responseId"] = facts.id("").into();
    body
}

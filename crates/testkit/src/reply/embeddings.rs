//! Embeddings and images: answers without a text to stream.

use serde_json::{Value, json};

use super::answer::{Answer, CREATED, Facts};

pub(super) fn json(answer: &Answer, facts: &Facts) -> Value {
    let counts = answer.counts(facts);
    json!({
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.25, -0.5, 1.0e-7]}],
        "model": answer.model(facts),
        "usage": {"prompt_tokens": counts.input, "total_tokens": counts.input},
    })
}

pub(super) fn image(answer: &Answer, facts: &Facts) -> Value {
    let counts = answer.counts(facts);
    json!({
        "created": CREATED,
        "data": [{"b64_json": "iVBORw0KGgo=", "revised_prompt": answer.text(facts)}],
        "usage": {"input_tokens": counts.input, "output_tokens": counts.output, "total_tokens": counts.input + counts.output},
    })
}
